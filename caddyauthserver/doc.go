// Package caddyauthserver puts the OpenID provider into Caddy: the module
// http.handlers.auth_server and its Caddyfile directive.
//
//	Caddyfile --> caddyfile.go --> Server (the JSON) --> Provision: authapp
//	                                                        |
//	authapp's Start --> start.go: provider.New, setup link <+
//
//	request --> server.go --own path?--> provider --> response
//	                      \--> the next handler
//
// What the provider does is in package provider, which knows nothing of Caddy.
// Clients of the config are in client.go; those of the store come and go
// without a reload.
package caddyauthserver
