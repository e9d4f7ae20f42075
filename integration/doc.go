// Package integration tries Caddyito as its users do: it builds Caddy with the
// modules, runs it as a process of its own with a Caddyfile, and goes through
// it with a cookie jar and with a browser.
//
//	caddy_test.go      starts, reloads, restarts, kills a real Caddy
//	person_test.go     somebody with a cookie jar who fills in forms
//	onebox_test.go     server and gate in one Caddy
//	twobox_test.go     server and gate in two
//	reload_test.go     a hundred reloads under load, failed ones, validate
//	restart_test.go    sessions and started logins outlive a restart
//	wrong_test.go      what goes wrong says what to do
//	browser_test.go    the same in chromium
//	caddyfile_adapt/   every Caddyfile option and what it becomes
//	foreign/           a small OpenID provider that is not ours
//
// The tests in a browser are skipped where there is none, unless the variable
// CADDYITO_E2E is "required": then a skip is a failure.
package integration
