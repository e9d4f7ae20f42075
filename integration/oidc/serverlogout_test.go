package oidc

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/caddyito/caddyito/store"
)

// endSession sends the person to sign out; set changes a good request, "" takes
// away.
func (p *party) endSession(l *login, set ...string) *page {
	p.t.Helper()
	q := url.Values{"id_token_hint": {l.idToken}, "post_logout_redirect_uri": {bye}, "state": {store.NewSecret() + store.NewSecret() + store.NewSecret()}}
	for i := 0; i < len(set); i += 2 {
		if set[i+1] == "" {
			q.Del(set[i])
		} else {
			q.Set(set[i], set[i+1])
		}
	}
	p.sent = q
	return p.browse("GET", issuer+"/o/logout?"+q.Encode(), nil)
}

// confirm is what follows when the person says yes, if a is the page that asks.
func (p *party) confirm(a *page) *page {
	p.t.Helper()
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `id="logout-submit"`) {
		p.t.Fatalf("the person is not asked: %s %s\n%s", a.Status, a.Header.Get("Location"), a.body)
	}
	action, fields := a.form()
	return p.browse("POST", issuer+action, fields)
}

// signedOut fails unless a says so to the person, leads nowhere, and it is so.
func (p *party) signedOut(a *page) {
	p.t.Helper()
	if a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" || !strings.Contains(a.body, "You are signed out") {
		p.t.Errorf("%s %s\n%s", a.Status, a.Header.Get("Location"), a.body)
	}
	p.gone()
}

// gone fails unless nobody is signed in any more.
func (p *party) gone() {
	p.t.Helper()
	if e := p.refused("prompt", "none"); e != "login_required" {
		p.t.Errorf("afterwards: %s", e)
	}
}

// sentBack fails unless a leads to the registered URI with the state of the
// request and nothing else.
func (p *party) sentBack(a *page) {
	p.t.Helper()
	want := bye
	if state := p.sent.Get("state"); state != "" {
		want += "?state=" + url.QueryEscape(state)
	}
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
		p.t.Fatalf("%s to %s; want %s", a.Status, a.Header.Get("Location"), want)
	}
	p.gone()
}

// notBelieved fails unless the person is asked first, and is not sent on even then.
func (p *party) notBelieved(a *page) {
	p.t.Helper()
	still := p.confirm // what it asks has not happened yet
	if e := p.authorize("prompt", "none"); !e.Has("code") {
		p.t.Errorf("signed out before the person said yes: %v", e)
	}
	p.signedOut(still(a))
}

// The plan oidcc-rp-initiated-logout-certification-test-plan, and what else the
// suite has of that.
func TestRPInitiatedLogoutOP(t *testing.T) {
	signedIn := func(t *testing.T) (*party, *login) {
		p := newParty(t, "")
		return p, p.signIn()
	}

	t.Run("oidcc-rp-initiated-logout-discovery-endpoint-verification", func(t *testing.T) {
		if v := newParty(t, "").discovered()["end_session_endpoint"]; v != issuer+"/o/logout" {
			t.Errorf("end_session_endpoint %v", v)
		}
	})

	// The person is signed out and sent back with the state.
	t.Run("oidcc-rp-initiated-logout", func(t *testing.T) {
		p, l := signedIn(t)
		p.sentBack(p.endSession(l))
	})

	// To a URI that is not registered nobody is sent; the person is asked.
	t.Run("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", func(t *testing.T) {
		p, l := signedIn(t)
		p.notBelieved(p.endSession(l, "post_logout_redirect_uri", "https://rp.example.com/other"))
	})

	// A query makes it another URI.
	t.Run("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", func(t *testing.T) {
		p, l := signedIn(t)
		p.notBelieved(p.endSession(l, "post_logout_redirect_uri", bye+"?foo=bar"))
	})

	// A hint whose signature was taken away counts for nothing.
	t.Run("oidcc-rp-initiated-logout-modified-id-token-hint", func(t *testing.T) {
		p, l := signedIn(t)
		claims := strings.Split(l.idToken, ".")[1]
		p.notBelieved(p.endSession(l, "id_token_hint", "eyJhbGciOiJub25lIn0."+claims+"."))
	})

	// Nor does one that is none.
	t.Run("oidcc-rp-initiated-logout-bad-id-token-hint", func(t *testing.T) {
		p, l := signedIn(t)
		p.notBelieved(p.endSession(l, "id_token_hint", "1"+l.idToken[1:]))
	})

	// Without a hint nobody knows for whom the redirect is.
	t.Run("oidcc-rp-initiated-logout-no-id-token-hint", func(t *testing.T) {
		p, l := signedIn(t)
		p.notBelieved(p.endSession(l, "id_token_hint", ""))
	})

	// Without anything the person is signed out once they say so.
	t.Run("oidcc-rp-initiated-logout-no-params", func(t *testing.T) {
		p, l := signedIn(t)
		p.notBelieved(p.endSession(l, "id_token_hint", "", "post_logout_redirect_uri", "", "state", ""))
	})

	// Without a redirect the person is told here.
	t.Run("oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(t *testing.T) {
		p, l := signedIn(t)
		p.signedOut(p.endSession(l, "post_logout_redirect_uri", ""))
	})

	// Without a state none comes back.
	t.Run("oidcc-rp-initiated-logout-no-state", func(t *testing.T) {
		p, l := signedIn(t)
		p.sentBack(p.endSession(l, "state", ""))
	})

	t.Run("oidcc-rp-initiated-logout-only-state", func(t *testing.T) {
		p, l := signedIn(t)
		p.notBelieved(p.endSession(l, "id_token_hint", "", "post_logout_redirect_uri", ""))
	})
}

// The plan oidcc-backchannel-rp-initiated-logout-certification-test-plan.
func TestBackchannelLogoutOP(t *testing.T) {
	t.Run("oidcc-backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		v := newParty(t, "").discovered()
		if v["backchannel_logout_supported"] != true || v["backchannel_logout_session_supported"] != true || v["end_session_endpoint"] != issuer+"/o/logout" {
			t.Errorf("%v", v)
		}
	})

	// Besides the redirect, a logout token is posted: signed as the ID token, of the
	// same person and session, without a nonce.
	t.Run("oidcc-backchannel-rp-initiated-logout", func(t *testing.T) {
		p := newParty(t, "")
		l := p.signIn()
		p.sentBack(p.endSession(l))
		r := p.toldOf(l)
		if r.Method != "POST" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || len(r.Form) != 1 || r.URL.RawQuery != "" {
			t.Errorf("%s of %s with %v", r.Method, r.URL, r.Form)
		}
		token := r.PostForm.Get("logout_token")
		if header := jwtPart(t, token, 0); header["typ"] != "logout+jwt" || header["alg"] != jwtPart(t, l.idToken, 0)["alg"] {
			t.Errorf("header %v", header)
		}
		ctx := gooidc.ClientContext(context.Background(), &http.Client{Transport: transport})
		if _, err := gooidc.NewRemoteKeySet(ctx, issuer+"/o/jwks").VerifySignature(ctx, token); err != nil {
			t.Error(err)
		}
		claims := jwtPart(t, token, 1)
		for _, name := range []string{"iss", "sub", "sid"} {
			if claims[name] != l.claims[name] || claims[name] == nil {
				t.Errorf("%s is %v; that of the ID token is %v", name, claims[name], l.claims[name])
			}
		}
		events, _ := claims["events"].(map[string]any)
		event, _ := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		now, iat, exp := float64(time.Now().Unix()), claims["iat"].(float64), claims["exp"].(float64)
		if claims["aud"] != p.id || claims["jti"] == nil || claims["nonce"] != nil || event == nil || len(event) != 0 || iat < now-300 || iat > now+1 || exp <= now-60 || exp > now+600 {
			t.Errorf("claims %v", claims)
		}
	})
}

// toldOf waits for the logout of that session; those of other tests pass by.
func (p *party) toldOf(l *login) *http.Request {
	p.t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case r := <-told:
			if jwtPart(p.t, r.PostForm.Get("logout_token"), 1)["sid"] == l.claims["sid"] {
				return r
			}
		case <-limit:
			p.t.Fatal("nobody was told of the logout")
		}
	}
}
