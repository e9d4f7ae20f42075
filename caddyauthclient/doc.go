// Package caddyauthclient puts the gate into Caddy: the module
// http.handlers.auth_client with its Caddyfile directive, the placeholders
// {http.auth.user.*}, and the matcher http.matchers.auth_user.
//
//	Caddyfile --> caddyfile.go, rule.go --> Handler (the JSON) --> Provision: authapp
//	                                                                  |
//	authapp's Start --> start.go: gate.New <--------------------------+
//
//	request --> handler.go --> gate.Decide --Pass--> identity.go --> the next handler
//	                                     \--> the gate's page, or errorroutes.go:
//	                                          the site's handle_errors
//	request before Start --> waits for it, or early.go
//
// What the gate does is in package gate, which knows nothing of Caddy.
//
// Caddy evaluates the matchers of a route when the request gets there, after
// the handlers of the routes in front have run. The gate is ordered before
// basic_auth, and thus before handle, route and whatever responds; so
// auth_user in their matchers sees who passed the gate.
package caddyauthclient
