package oidc

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// The plan oidcc-client-rp-initiated-logout-certification-test-plan.
func TestRPInitiatedLogoutRP(t *testing.T) {
	gate := gates["usual"]
	leaves := func(t *testing.T) *party {
		behave(t, nil)
		p := signsIn(t, gate)
		a := p.send("GET", gate+"/oidc/logout", nil, "Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
		p.browse("GET", a.Header.Get("Location"), nil)
		p.stranger(gate)
		return p
	}

	t.Run("oidcc-client-test-rp-init-logout", func(t *testing.T) {
		leaves(t)
		op.mu.Lock()
		defer op.mu.Unlock()
		if claims := jwtPart(t, op.ended.Get("id_token_hint"), 1); claims["sub"] != "u-1" || op.ended.Get("post_logout_redirect_uri") != gate+"/" || op.ended.Get("client_id") != "gate-usual" {
			t.Errorf("the provider was asked %v", op.ended)
		}
	})

	// The gate sends no state, and whatever comes back with the person signs nobody
	// in again.
	for name, back := range map[string]string{
		"oidcc-client-test-rp-init-logout-no-state":    "/",
		"oidcc-client-test-rp-init-logout-other-state": "/?state=another",
	} {
		t.Run(name, func(t *testing.T) {
			p := leaves(t)
			if a := p.browse("GET", gate+back, nil); a.StatusCode != http.StatusFound || !strings.HasPrefix(a.Header.Get("Location"), op.url+"/usual/authorize?") {
				t.Errorf("back at %s: %s %s", back, a.Status, a.body)
			}
			p.stranger(gate)
		})
	}
}

// The plan oidcc-client-backchannel-rp-initiated-logout-certification-test-plan.
func TestBackchannelLogoutRP(t *testing.T) {
	gate := gates["usual"]
	// logout posts a logout token for the session of somebody who is signed in, changed
	// so, and says how that was answered and whether they are signed in still.
	logout := func(t *testing.T, change func(claims map[string]any), also func(*behaviour)) (status int, in bool) {
		t.Helper()
		sid := ""
		behave(t, func(b *behaviour) { b.claims = func(c map[string]any) { sid, _ = c["sid"].(string) } })
		p := signsIn(t, gate)
		claims := map[string]any{
			"iss": op.url + "/usual", "sub": "u-1", "aud": "gate-usual", "iat": time.Now().Unix(), "exp": time.Now().Unix() + 120, "jti": store.NewSecret(), "sid": sid,
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		if change != nil {
			change(claims)
		}
		op.mu.Lock()
		op.claims, op.typ = nil, "logout+jwt"
		if also != nil {
			also(&op.behaviour)
		}
		token := op.jwt(claims)
		op.mu.Unlock()
		a := p.send("POST", gate+"/oidc/backchannel-logout", url.Values{"logout_token": {token}})
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %q", a.Header.Get("Cache-Control"))
		}
		return a.StatusCode, p.send("GET", gate+"/oidc/me", nil).StatusCode == http.StatusOK
	}
	good := func(name string, change func(map[string]any), also func(*behaviour)) {
		t.Run(name, func(t *testing.T) {
			if status, in := logout(t, change, also); status != http.StatusOK || in {
				t.Errorf("%d; signed in: %v", status, in)
			}
		})
	}
	bad := func(name string, change func(map[string]any), also func(*behaviour)) {
		t.Run(name, func(t *testing.T) {
			if status, in := logout(t, change, also); status != http.StatusBadRequest || !in {
				t.Errorf("%d; signed in: %v", status, in)
			}
		})
	}
	claim := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	good("oidcc-client-test-rp-backchannel-rpinitlogout", nil, nil)
	good("oidcc-client-test-rp-backchannel-rpinitlogout-sub-only", claim("sid", nil), nil)
	good("oidcc-client-test-rp-backchannel-rpinitlogout-sid-only", claim("sub", nil), nil)
	good("oidcc-client-test-rp-backchannel-rpinitlogout-typ-jwt", nil, func(b *behaviour) { b.typ = "JWT" })
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss", claim("iss", "https://evil.example"), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud", claim("aud", "another"), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-no-event", claim("events", nil), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event", claim("events", map[string]any{"http://schemas.openid.net/event/another": map[string]any{}}), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce", claim("nonce", "x"), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-expired", claim("exp", time.Now().Unix()-120), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-no-iat", claim("iat", nil), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-no-jti", claim("jti", nil), nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-nobody", func(c map[string]any) { delete(c, "sub"); delete(c, "sid") }, nil)
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg", nil, func(b *behaviour) { b.signer.Key = aKey(t, "RS256", "").Key })
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-alg-none", nil, func(b *behaviour) {
		b.sign = func(header, claims map[string]any) string {
			header["alg"] = "none"
			return unsignedJWT(t, header, claims) + "."
		}
	})
	bad("oidcc-client-test-rp-backchannel-rpinitlogout-access-token", nil, func(b *behaviour) { b.typ = "at+jwt" })
}
