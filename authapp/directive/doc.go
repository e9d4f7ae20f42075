// Package directive is what the Caddyfile directives auth_server and
// auth_client share: how an option is read, and what is wrong with a URL.
//
//	caddyauthserver/caddyfile.go --+
//	                               +--> directive --> Caddyfile tokens
//	caddyauthclient/caddyfile.go --+
//
// Every error names the file and the line (Dispenser.Errf), and says what to
// write instead. JSON configs take the same checks from Validate.
package directive
