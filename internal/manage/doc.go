// Package manage is what administrators do to users, objects and groups: one place
// for the pages of administration and for the admin API, so that rights and what
// goes with a change are the same on both.
//
//	caddyauthserver/admin  (staff, superusers) --+
//	                                             +--> Manager --> store
//	authapp's admin API    (the operator)      --+
//
// A method opens a transaction, in which it looks once more at who acts: rights that
// were taken away a moment ago count for nothing. rights.go says who may do what.
//
// Whoever is disabled, deleted or given another password is signed out everywhere,
// here and at the gates of this process, and clients are told.
//
// Each deed leaves one record in the audit log, in its transaction; what is refused,
// fails or changes nothing leaves none.
//
// registration.go looks after the tokens by which software registers itself.
//
// list.go reads lists of users and of objects, import.go and importobject.go bring one
// in, export.go writes one as csv.go has it, filter.go says by what; bulk.go does one thing to many. overview.go
// counts, and says who is in trouble.
package manage
