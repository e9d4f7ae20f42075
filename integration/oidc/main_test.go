// Package oidc holds the server and the gate against what the OpenID Foundation's
// conformance suite demands. Each subtest has the name of one of its modules and
// says what that demands.
//
//	server_test.go         a running Caddy with auth_server, over https
//	serverparty_test.go    a relying party and a person's browser, in plain net/http
//	serverbasic_test.go    Basic OP and Form Post OP
//	serverconfig_test.go   Config OP, and of Dynamic OP what needs no registration
//	serverlogout_test.go   RP-Initiated Logout OP, Back-Channel Logout OP
//	gateprovider_test.go   an OpenID provider that misbehaves on request, and gates before it
//	gatebasic_test.go      Basic RP and Form Post RP
//	gateconfig_test.go     Config RP: metadata and keys
//	gatelogout_test.go     RP-Initiated Logout RP, Back-Channel Logout RP
package oidc

import (
	"fmt"
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "caddyito-oidc-")
	if err == nil {
		err = startServer(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting Caddy:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = caddy.Stop()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
