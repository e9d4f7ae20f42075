// Package admin is the administration of a server, at /o/admin: pages on which
// superusers and staff look after users, objects, groups and the rest.
//
//	a browser -> provider -> Admin.ServeHTTP  (admin.go)
//	                            |
//	                          visit.go   signed in? -> no: the sign-in page, and back
//	                            |        allowed here? -> no: 403
//	                            |        signed in lately? -> no: once more, and back
//	                            |        a form: was it shown to this browser? (CSRF)
//	                            v
//	                          the page of the path: show for GET, do for POST
//	                            |                     |
//	                          store.ReadTx          internal/manage, which holds
//	                            v                   who may do what to whom
//	                          templates/*.html      and ends in 303 to a page
//
// A page is a file with its view model, and a template of the same name. Pages are
// declared in admin.go, what stands in the menu in menu.go. They work without a
// script; the few that have one are better with it, not different.
//
// Superusers see everything. Staff see users, objects and groups, and change those
// that are neither staff nor superusers; clients, sync and the audit log hold what
// would let them reach further, so they are for superusers alone.
//
// Neighbours: the provider opens the door (Door) and mounts the pages;
// internal/manage does what they ask, as it does for the admin API; internal/webpage
// draws them.
package admin
