package provider_test

import (
	"net/http"
	"testing"
	"time"
)

func TestRotatedSecretHoldsUntilItExpires(t *testing.T) {
	s := newServer(t)
	wantError(t, s.token(as("app", "rotated-away"), codeForm("x", appRedirect)), 400, "invalid_grant")
	s.clock.add(time.Hour)
	wantError(t, s.token(as("app", "rotated-away"), codeForm("x", appRedirect)), 401, "invalid_client")
}

func TestClientAuthenticatesInOneWay(t *testing.T) {
	s := newServer(t)
	for name, c := range map[string]struct {
		authorization string
		set           []string
		status        int
		code          string
	}{
		"header and body":              {as("app", appSecret), []string{"client_secret", appSecret}, 400, "invalid_request"},
		"header and id in the body":    {as("app", appSecret), []string{"client_id", "app"}, 400, "invalid_grant"},
		"header and another id":        {as("app", appSecret), []string{"client_id", "spa"}, 400, "invalid_request"},
		"assertion":                    {"", []string{"client_id", "app", "client_assertion", "x", "client_assertion_type", "y"}, 401, "invalid_client"},
		"assertion beside a secret":    {as("app", appSecret), []string{"client_assertion", "x"}, 401, "invalid_client"},
		"nothing":                      {"", nil, 401, "invalid_client"},
		"confidential without secret":  {"", []string{"client_id", "app"}, 401, "invalid_client"},
		"public":                       {"", []string{"client_id", "spa"}, 400, "invalid_grant"},
		"public by header":             {as("spa", ""), nil, 400, "invalid_grant"},
		"public with a secret":         {as("spa", "x"), nil, 401, "invalid_client"},
		"scheme in another case":       {"bAsIc" + as("app", appSecret)[5:], nil, 400, "invalid_grant"},
		"secret of another client":     {as("app", "gate-secret"), nil, 401, "invalid_client"},
		"prefix of the secret":         {as("app", appSecret[:5]), nil, 401, "invalid_client"},
		"client of the config":         {as("gate", "gate-secret"), nil, 400, "invalid_grant"},
		"id that is a path in a store": {as("../app", appSecret), nil, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, s.token(c.authorization, codeForm("x", appRedirect, c.set...)), c.status, c.code)
		})
	}
}

func TestTwoAuthorizationHeaders(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	req := b.request("POST", "/o/token", codeForm("x", appRedirect))
	req.Header["Authorization"] = []string{as("app", appSecret), as("gate", "gate-secret")}
	wantError(t, b.do(req), http.StatusBadRequest, "invalid_request")
}
