// Package integration tries Caddyito as its users do: it builds Caddy with the
// modules, runs it as a process of its own with a Caddyfile, and goes through
// it with a cookie jar and with a browser.
//
//	caddy_test.go      starts, reloads, restarts, kills a real Caddy
//	person_test.go     somebody with a cookie jar who fills in forms
//	onebox_test.go     server and gate in one Caddy: sign-in, tabs, rules, setup
//	twobox_test.go     server and gate in two: restarts, crashes, a server that is down
//	sync*_test.go      a change at the server and what the gate does, also after crashes
//	directory_test.go  what the app reads of the mirror, also of the deleted
//	stream_test.go     WebSockets and event streams (live_test.go) and when they end
//	reload_test.go     a hundred reloads under load, failed ones, validate
//	wrong_test.go      what goes wrong says what to do; attacks from outside
//	browser_test.go    the same in chromium
//	recipe_test.go     a recipe of docs/ with the real app
//	npm_test.go        OpenID Connect clients that nobody here wrote, at the server
//	npmissuer_test.go  an issuer that nobody here wrote, before it the gate
//	caddyfile_adapt/   every Caddyfile option and what it becomes, or its error; what docs/ shows
//	glue/              the modules in a Caddy within the test process
//	oidc/              what the OpenID conformance suite demands of server and gate
//
// The tests in a browser and with software of others are skipped where there is none, unless the variable
// CADDYITO_E2E is "required": then a skip is a failure.
package integration
