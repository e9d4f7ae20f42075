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
// csv.go reads and writes lists of users, import.go brings one in, bulk.go does one
// thing to many.
package manage
