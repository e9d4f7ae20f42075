package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func location(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	to := w.Header().Get("Location")
	if to == "" {
		t.Fatalf("no redirect: %d %s", w.Code, w.Body)
	}
	return to
}

// follow goes on through the issuer until something else than a redirect to it
// or to path comes, and says how often it was there.
func (b *browser) follow(f *fakeIssuer, w *httptest.ResponseRecorder) (*httptest.ResponseRecorder, string, int) {
	target, visits := "", 0
	for range 20 {
		to := w.Header().Get("Location")
		switch {
		case strings.HasPrefix(to, testIssuer):
			visits++
			target = f.authorize(to)
		case to != "":
			target = to
		default:
			return w, target, visits
		}
		w = b.get(target)
	}
	f.t.Fatal("it goes round in circles")
	return nil, "", 0
}

func TestTenTabsEachComeBackToTheirOwnPage(t *testing.T) {
	t.Run("one cookie", func(t *testing.T) {
		h := newHouse(t)
		b := newBrowser(h.gate)
		var callbacks []string
		for i := range 10 {
			w := b.get(fmt.Sprintf("/tab?n=%d", i))
			callbacks = append(callbacks, h.issuer.authorize(location(t, w)))
		}
		for i := 9; i >= 0; i-- {
			w := b.get(callbacks[i])
			if to := location(t, w); to != fmt.Sprintf("/tab?n=%d", i) {
				t.Errorf("tab %d came back to %s", i, to)
			}
		}
	})
	t.Run("all at once before there was a cookie", func(t *testing.T) {
		h := newHouse(t)
		b := newBrowser(h.gate)
		var started []*httptest.ResponseRecorder
		for i := range 10 {
			empty := b.clone()
			empty.cookies = map[string]string{}
			w := empty.get(fmt.Sprintf("/tab?n=%d", i))
			for name, v := range empty.cookies {
				b.cookies[name] = v // the last one stays
			}
			started = append(started, w)
		}
		for i, w := range started {
			w, at, _ := b.follow(h.issuer, w)
			seen(t, w)
			if want := fmt.Sprintf("/tab?n=%d", i); at != want {
				t.Errorf("tab %d came back to %s", i, at)
			}
		}
	})
}

func TestAThousandStartedLoginsKeepOneCookie(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	for i := range 1000 {
		b.get(fmt.Sprintf("/page/%d", i))
	}
	if len(b.cookies) != 1 {
		t.Errorf("%d cookies", len(b.cookies))
	}
	if n := h.gate.spent.ids.len(); n != 0 {
		t.Errorf("%d attempts are held in memory", n)
	}
	if n := h.issuer.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("the metadata was read %d times", n)
	}
}

func TestAUsedStateStartsOver(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, b.get("/page")))
	wantStatus(t, b.get(callback), 303)
	// Signed in: reloading the callback leads to the page, and asks nobody.
	w := b.get(callback)
	if to := location(t, w); to != "/page" || h.issuer.count("/token") != 1 {
		t.Errorf("went to %s after %d exchanges", to, h.issuer.count("/token"))
	}
	// Signed out: it begins anew, with another state.
	delete(b.cookies, h.gate.origins[0].sessionCookie)
	w = b.get(callback)
	if to := location(t, w); !strings.HasPrefix(to, testIssuer+"/authorize") || h.issuer.count("/token") != 1 {
		t.Errorf("went to %s after %d exchanges", to, h.issuer.count("/token"))
	}
	w, at, _ := b.follow(h.issuer, w)
	seen(t, w)
	if at != "/page" {
		t.Errorf("came back to %s", at)
	}
}

func TestAnExpiredStateStartsOver(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, b.get("/page")))
	h.clock.add(attemptLifetime + time.Second)
	w := b.get(callback)
	if h.issuer.count("/token") != 0 {
		t.Error("an expired state was used")
	}
	w, at, _ := b.follow(h.issuer, w)
	seen(t, w)
	if at != "/page" {
		t.Errorf("came back to %s", at)
	}
}

func TestAStrangersCallbackSignsNobodyIn(t *testing.T) {
	h := newHouse(t)
	attacker, victim := newBrowser(h.gate), newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, attacker.get("/page")))
	for name, prepare := range map[string]func(){
		"no cookie":    func() {},
		"other cookie": func() { victim.get("/other") },
	} {
		prepare()
		w := victim.get(callback)
		if h.issuer.count("/token") != 0 {
			t.Fatalf("%s: the attacker's code was redeemed", name)
		}
		if _, ok := victim.cookies[h.gate.origins[0].sessionCookie]; ok {
			t.Fatalf("%s: signed in", name)
		}
		if to := location(t, w); !strings.HasPrefix(to, testIssuer+"/authorize") {
			t.Errorf("%s: went to %s", name, to)
		}
	}
	wantStatus(t, victim.get("/page"), 302)
}

func TestABrowserWithoutCookiesIsToldSo(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	w := b.get("/page")
	visits := 0
	for w.Code == 302 {
		if visits++; visits > 10 {
			t.Fatal("it goes round in circles")
		}
		b.cookies = map[string]string{}
		w = b.get(h.issuer.authorize(location(t, w)))
	}
	wantStatus(t, w, 400)
	if !strings.Contains(w.Body.String(), "Cookies needed") || !strings.Contains(w.Body.String(), `href="/page"`) {
		t.Errorf("page: %s", text(w.Body.String()))
	}
	if h.issuer.count("/token") != 0 {
		t.Error("a code was redeemed")
	}
}

func TestAStateThatIsNotOurs(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, b.get("/page")))
	u, _ := url.Parse(callback)
	q := u.Query()
	state := q.Get("state")
	other := h.newGate(func(c *Config) { c.Key = [32]byte{2} })
	neighbour := h.newGate(func(c *Config) { c.Name = "other" })
	theirs := func(g *Gate) string {
		a := newAttempt()
		a.origin, a.path, a.expires = "https://wiki.example.com", "/", h.clock.now().Add(time.Minute).Unix()
		a.browser = hashSecret(b.cookies[h.gate.origins[0].browserCookie])
		return stateText(g, &a)
	}
	states := map[string]string{
		"empty": "", "short": "abc", "garbage": strings.Repeat("A", 300), "long": strings.Repeat("A", maxState+1),
		"another key": theirs(other), "another gate with the same key": theirs(neighbour),
		"padded": state + "=", "with a newline": state[:10] + "\n" + state[10:],
	}
	for i := 0; i < len(state); i += 7 {
		c := byte('A')
		if state[i] == 'A' {
			c = 'B'
		}
		states[fmt.Sprintf("changed at %d", i)] = state[:i] + string(c) + state[i+1:]
	}
	for name, s := range states {
		q.Set("state", s)
		u.RawQuery = q.Encode()
		w := b.get(u.String())
		if w.Code != 400 || h.issuer.count("/token") != 0 {
			t.Errorf("%s: %d, %d exchanges", name, w.Code, h.issuer.count("/token"))
		}
	}
	if g := theirs(h.gate); g != "" { // the same, made right, is taken
		q.Set("state", g)
		u.RawQuery = q.Encode()
		b.get(u.String())
		if h.issuer.count("/token") != 1 {
			t.Error("the test proves nothing: a good state is refused too")
		}
	}
}

func TestACodeForAnotherOriginIsNotRedeemed(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Origins = append(c.Origins, "https://docs.example.com") })
	b := newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, b.get("/page")))
	// The same cookies at the other host, as if it had been given them.
	w := b.get(strings.Replace(callback, "wiki.example.com", "docs.example.com", 1))
	if to := location(t, w); h.issuer.count("/token") != 0 || !strings.Contains(to, "redirect_uri=https%3A%2F%2Fdocs.example.com") {
		t.Errorf("%d exchanges, went to %s", h.issuer.count("/token"), to)
	}
}

func TestCallbackParameters(t *testing.T) {
	for name, change := range map[string]func(url.Values){
		"two states":     func(q url.Values) { q.Add("state", q.Get("state")) },
		"two codes":      func(q url.Values) { q.Add("code", q.Get("code")) },
		"no code":        func(q url.Values) { q.Del("code") },
		"code and error": func(q url.Values) { q.Set("error", "access_denied") },
		"another issuer": func(q url.Values) { q.Set("iss", "https://evil.example") },
		"no issuer":      func(q url.Values) { q.Del("iss") },
		"two issuers":    func(q url.Values) { q.Add("iss", testIssuer) },
		"too long":       func(q url.Values) { q.Set("x", strings.Repeat("x", maxCallback)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.issuer.callback = change
			b := newBrowser(h.gate)
			w := b.signIn(h.issuer, "/page")
			if w.Code < 400 || h.issuer.count("/token") != 0 {
				t.Errorf("%d, %d exchanges", w.Code, h.issuer.count("/token"))
			}
			wantStatus(t, b.get("/page"), 302)
		})
	}
}

func TestOnlyGETSpendsACode(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, b.get("/page")))
	for _, m := range []string{"HEAD", "POST", "OPTIONS"} {
		wantStatus(t, b.do(b.request(m, callback)), 405)
	}
	wantStatus(t, b.get(callback), 303)
}

func TestErrorsOfTheIssuerAreShownAndEnd(t *testing.T) {
	h := newHouse(t)
	h.issuer.callback = func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
		q.Set("error_description", "call 555-1234 <script>")
	}
	b := newBrowser(h.gate)
	w := b.signIn(h.issuer, "/page?x=1")
	wantStatus(t, w, 403)
	body := w.Body.String()
	if !strings.Contains(body, "access_denied") || !strings.Contains(body, `href="/page?x=1"`) || strings.Contains(body, "555-1234") {
		t.Errorf("page: %s", text(body))
	}
	h.issuer.callback = func(q url.Values) { q.Del("code"); q.Set("error", `"><script>alert(1)</script>`) }
	if body := b.signIn(h.issuer, "/page").Body.String(); strings.Contains(body, "alert(1)") {
		t.Error("the error is reflected")
	}
}

func TestIDTokensThatAreRefused(t *testing.T) {
	type hook = func(*house)
	claim := func(name string, v any) hook {
		return func(h *house) {
			h.issuer.claims = func(c map[string]any) {
				if v == nil {
					delete(c, name)
				} else {
					c[name] = v
				}
			}
		}
	}
	header := func(name string, v any) hook {
		return func(h *house) { h.issuer.header = func(m map[string]any) { m[name] = v } }
	}
	for name, misbehave := range map[string]hook{
		"another issuer":            claim("iss", "https://evil.example"),
		"another audience":          claim("aud", "other"),
		"two audiences without azp": claim("aud", []string{testClient, "other"}),
		"another azp":               claim("azp", "other"),
		"another nonce":             claim("nonce", "x"),
		"no nonce":                  claim("nonce", nil),
		"no sub":                    claim("sub", nil),
		"long sub":                  claim("sub", strings.Repeat("x", 256)),
		"sub with a newline":        claim("sub", "u\n1"),
		"sub with a space":          claim("sub", " u-1"),
		"no iat":                    claim("iat", nil),
		"no exp":                    claim("exp", nil),
		"at_hash of another token":  claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"logout token":              claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
		"expired":                   func(h *house) { h.issuer.now = func() time.Time { return h.clock.now().Add(-7 * time.Minute) } },
		"from the future":           func(h *house) { h.issuer.now = func() time.Time { return h.clock.now().Add(2 * time.Minute) } },
		"access token type":         header("typ", "at+jwt"),
		"logout token type":         header("typ", "logout+jwt"),
		"critical header":           header("crit", []string{"x"}),
		"keys at an address":        header("jku", "https://evil.example.net/jwks"),
		"key of its own":            header("jwk", map[string]any{"kty": "oct", "k": "AA"}),
		"certificate at an address": header("x5u", "https://evil.example.net/cert"),
		"typ that is no text":       header("typ", 7),
		"alg none": func(h *house) {
			h.issuer.header = func(m map[string]any) { m["alg"] = "none" }
			h.issuer.sign = func(string) []byte { return nil }
		},
		"HS256 keyed with the client secret": func(h *house) {
			h.issuer.header = func(m map[string]any) { m["alg"] = "HS256" }
			h.issuer.sign = func(in string) []byte { return hs256([]byte(testSecret), in) }
		},
		"HS256 keyed with the public key": func(h *house) {
			h.issuer.header = func(m map[string]any) { m["alg"] = "HS256" }
			h.issuer.sign = func(in string) []byte { return hs256(h.issuer.key.N.Bytes(), in) }
		},
		"bad signature": func(h *house) { h.issuer.sign = func(string) []byte { return make([]byte, 256) } },
		"key in its own header": func(h *house) {
			h.issuer.header = func(m map[string]any) {
				m["jwk"] = map[string]any{"kty": "oct", "k": "AAAA"}
				m["kid"] = "unknown"
			}
		},
		"no ID token":                   func(h *house) { h.issuer.token = func(m map[string]any) { delete(m, "id_token") } },
		"huge":                          claim("padding", strings.Repeat("x", maxIDToken)),
		"token type that is not Bearer": func(h *house) { h.issuer.token = func(m map[string]any) { m["token_type"] = "mac" } },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			misbehave(h)
			b := newBrowser(h.gate)
			w := b.signIn(h.issuer, "/page")
			wantStatus(t, w, 502)
			if _, ok := b.cookies[h.gate.origins[0].sessionCookie]; ok {
				t.Error("a session began")
			}
			if !strings.Contains(h.log.String(), `"advice"`) {
				t.Errorf("the log says not what to do: %s", h.log)
			}
		})
	}
}

func TestClocksMayDifferByAMinute(t *testing.T) {
	for _, by := range []time.Duration{-5*time.Minute - 50*time.Second, 50 * time.Second} {
		h := newHouse(t)
		h.issuer.now = func() time.Time { return h.clock.now().Add(by) }
		wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/page"), 303)
	}
}

func TestTheCauseIsInTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		misbehave func(*house)
		change    func(*Config)
		status    int
		log       string
	}{
		"wrong secret":        {change: func(c *Config) { c.ClientSecret = "no" }, status: 502, log: `"invalid_client"`},
		"clock":               {misbehave: func(h *house) { h.issuer.now = func() time.Time { return h.clock.now().Add(time.Hour) } }, status: 502, log: `"clock"`},
		"clock behind":        {misbehave: func(h *house) { h.issuer.now = func() time.Time { return h.clock.now().Add(-time.Hour) } }, status: 502, log: `"clock"`},
		"userinfo of another": {misbehave: func(h *house) { h.issuer.userinfo["sub"] = "u-2" }, status: 502, log: "another subject"},
		"no userinfo":         {misbehave: func(h *house) { h.issuer.userinfo = nil }, status: 502, log: "/userinfo answered 403"},
		"profile of another":  {misbehave: func(h *house) { h.ours(); h.issuer.profile["id"] = 2 }, status: 502, log: "another subject"},
		"token endpoint redirects": {misbehave: func(h *house) {
			h.issuer.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" {
					http.Redirect(w, r, testIssuer+"/elsewhere", http.StatusTemporaryRedirect)
					return true
				}
				if r.URL.Path == "/elsewhere" {
					t.Error("the secret went elsewhere")
				}
				return false
			}
		}, status: 502, log: "307"},
		"endless answer": {misbehave: func(h *house) {
			h.issuer.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/userinfo" {
					return false
				}
				w.Write(bytes.Repeat([]byte(" "), issuerLimit+1))
				return true
			}
		}, status: 502, log: "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(cfg *Config) {
				if c.change != nil {
					c.change(cfg)
				}
			})
			if c.misbehave != nil {
				c.misbehave(h)
			}
			b := newBrowser(h.gate)
			wantStatus(t, b.signIn(h.issuer, "/page"), c.status)
			if !strings.Contains(h.log.String(), c.log) {
				t.Errorf("log without %s:\n%s", c.log, h.log)
			}
			if c.misbehave != nil { // what is put right works, without a restart
				h.issuer.now, h.issuer.answerWith = h.clock.now, nil
				fresh := newFakeIssuer(t)
				h.issuer.userinfo, h.issuer.profile = fresh.userinfo, nil
				h.clock.add(2 * time.Second)
				wantStatus(t, b.signIn(h.issuer, "/page"), 303)
			}
		})
	}
}

func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		err error
		log string
	}{
		"refused": {fmt.Errorf("dial: %w", syscall.ECONNREFUSED), `"refused"`},
		"timeout": {context.DeadlineExceeded, `"timeout"`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			signedIn := newBrowser(h.gate)
			wantStatus(t, signedIn.signIn(h.issuer, "/page"), 303)
			// A gate that never met its issuer, on the same store.
			h.issuer.down = c.err
			signedIn.g = h.newGate()
			b := newBrowser(signedIn.g)
			w := b.get("/page")
			wantStatus(t, w, 503)
			if !strings.Contains(w.Body.String(), "does not answer") || w.Header().Get("Retry-After") == "" {
				t.Errorf("page: %s", text(w.Body.String()))
			}
			if !strings.Contains(h.log.String(), c.log) {
				t.Errorf("log without %s:\n%s", c.log, h.log)
			}
			seen(t, signedIn.get("/page"))

			h.issuer.mu.Lock()
			h.issuer.down = nil
			h.issuer.mu.Unlock()
			h.clock.add(2 * time.Second)
			wantStatus(t, b.signIn(h.issuer, "/page"), 303)
		})
	}
}

// The issuer was down for a moment while somebody was away to sign in there, and the
// gate, which was restarted, has just found that out.
func TestBackFromAnIssuerThatWasDown(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	callback := h.issuer.authorize(location(t, b.get("/page")))
	h.issuer.down = syscall.ECONNREFUSED
	b.g = h.newGate()
	looked := h.issuer.count("/.well-known/openid-configuration")
	wantStatus(t, newBrowser(b.g).get("/page"), 503)
	h.clock.add(issuerPause - 10*time.Millisecond)
	wantStatus(t, newBrowser(b.g).get("/page"), 503)
	if n := h.issuer.count("/.well-known/openid-configuration") - looked; n != 1 {
		t.Fatalf("strangers had the gate ask %d times within the pause", n)
	}
	h.issuer.down = nil
	w := b.get(callback)
	wantStatus(t, w, 303)
	if to := location(t, w); to != "/page" {
		t.Errorf("came back to %s", to)
	}

	// Where it is down still, they are told so, without being made to wait again.
	again := newBrowser(h.gate)
	callback = h.issuer.authorize(location(t, again.get("/page")))
	h.issuer.down = syscall.ECONNREFUSED
	again.g = h.newGate()
	wantStatus(t, again.get(callback), 503)
}

// A code is spent when the issuer has it, so the gate waits as long as a disk
// may stall over there. Finding the issuer's metadata, for which all strangers
// wait, must not take so long.
func TestTimeForTheIssuer(t *testing.T) {
	house := newHouse(t)
	house.issuer.answerWith = func(_ http.ResponseWriter, r *http.Request) bool {
		deadline, ok := r.Context().Deadline()
		left := time.Until(deadline)
		switch r.URL.Path {
		case "/token", "/userinfo", "/jwks":
			if !ok || left <= lookTimeout {
				t.Errorf("%s has %s", r.URL.Path, left)
			}
		case "/.well-known/openid-configuration":
			if !ok || left > lookTimeout {
				t.Errorf("the metadata has %s (%v)", left, ok)
			}
		}
		return false
	}
	wantStatus(t, newBrowser(house.gate).signIn(house.issuer, "/page"), 303)
}

func TestAUserWhomTheMirrorSaysDisabled(t *testing.T) {
	h := newHouse(t)
	h.ours()
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = false })
	wantStatus(t, b.get("/page"), 302)
	// The issuer, which has not heard of it, signs in again and again.
	w := b.signIn(h.issuer, "/page")
	wantStatus(t, w, 403)
	if !strings.Contains(w.Body.String(), "disabled") {
		t.Error(w.Body)
	}
	wantStatus(t, b.get("/page"), 302)
}

func TestTheSessionIDIsNewAtEveryLogin(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	cookie := h.gate.origins[0].sessionCookie
	planted := store.NewSecret()
	b.cookies[cookie] = planted // by an attacker who knows it
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	first := b.cookies[cookie]
	if first == planted {
		t.Fatal("the planted id became the session's")
	}
	// Signing in again (two tabs, say) ends the session that it replaces.
	old := b.clone()
	delete(b.cookies, cookie)
	w := b.get("/page")
	b.cookies[cookie] = first
	callback := h.issuer.authorize(location(t, w))
	wantStatus(t, b.get(callback), 303)
	if b.cookies[cookie] == first {
		t.Error("the id is the same after signing in again")
	}
	wantStatus(t, old.get("/page"), 302)
	seen(t, b.get("/page"))
}

func TestTokensAreRevokedUnlessKept(t *testing.T) {
	h := newHouse(t)
	h.issuer.token = func(m map[string]any) { m["refresh_token"] = "refresh-1" }
	newBrowser(h.gate).signIn(h.issuer, "/")
	if len(h.issuer.revoked) != 2 || h.issuer.revoked[0] != "refresh-1" || !strings.HasPrefix(h.issuer.revoked[1], "access-") {
		t.Errorf("revoked %d tokens", len(h.issuer.revoked))
	}
	kept := h.newGate(func(c *Config) { c.KeepTokens = true })
	newBrowser(kept).signIn(h.issuer, "/")
	if len(h.issuer.revoked) != 2 {
		t.Error("revoked although kept")
	}
	h.issuer.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/revoke" {
			w.WriteHeader(500)
			return true
		}
		return false
	}
	wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/"), 303)
}

func TestNoCookiesOverTheWrongScheme(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	b.origin = "http://wiki.example.com"
	w := b.get("/page")
	wantStatus(t, w, 400)
	if w.Header().Get("Set-Cookie") != "" || !strings.Contains(w.Body.String(), "https://wiki.example.com/page") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	// The callback likewise.
	b.origin = "https://wiki.example.com"
	callback := h.issuer.authorize(location(t, b.get("/page")))
	w = b.get("http" + strings.TrimPrefix(callback, "https"))
	if w.Header().Get("Set-Cookie") != "" || h.issuer.count("/token") != 0 {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestForeignClaims(t *testing.T) {
	for name, c := range map[string]struct {
		userinfo map[string]any
		want     map[string]string
	}{
		"no username, so the e-mail": {map[string]any{"sub": "u-1", "email": "ann@example.com"}, map[string]string{"Remote-User": "ann@example.com"}},
		"nothing, so the sub":        {map[string]any{"sub": "u-1"}, map[string]string{"Remote-User": "u-1", "Remote-Email": ""}},
		"a username with a newline":  {map[string]any{"sub": "u-1", "preferred_username": "ann\r\nRemote-User: root"}, map[string]string{"Remote-User": "u-1"}},
		"a username with a space":    {map[string]any{"sub": "u-1", "preferred_username": "root "}, map[string]string{"Remote-User": "u-1"}},
		"a name with a newline":      {map[string]any{"sub": "u-1", "name": "A\nB"}, map[string]string{"Remote-Name": "u-1"}},
		"a group with a comma":       {map[string]any{"sub": "u-1", "groups": []any{"x,admin", "dev", " admin", "a\nb", 7, "dev"}}, map[string]string{"Remote-Groups": "dev"}},
		"groups as one string":       {map[string]any{"sub": "u-1", "groups": "dev"}, map[string]string{"Remote-Groups": "dev"}},
		"wrong types":                {map[string]any{"sub": "u-1", "email": 7, "groups": map[string]any{}, "preferred_username": []any{}}, map[string]string{"Remote-User": "u-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.issuer.userinfo = c.userinfo
			b := newBrowser(h.gate)
			wantStatus(t, b.signIn(h.issuer, "/"), 303)
			got := seen(t, b.get("/"))
			for header, want := range c.want {
				if values := got.Values(header); got.Get(header) != want || len(values) > 1 {
					t.Errorf("%s: %q, want %q", header, values, want)
				}
			}
		})
	}
}

func TestParseProfile(t *testing.T) {
	for body, wantErr := range map[string]bool{
		`{"id":1,"version":2,"username":"ann"}`:                                                        false,
		`{"id":1,"version":2,"username":"ann","x":null,"y":1.5,"z":[1],"Bad Name":"v","o":{"a":1}}`:    false,
		`{"id":1,"version":2,"username":"ann","boss":{"type":"user","id":2,"version":9,"is_staff":1}}`: false,
		`{"id":2,"version":2,"username":"ann"}`:                                                        true,
		`{"id":"1","version":2,"username":"ann"}`:                                                      true,
		`{"id":1,"version":0,"username":"ann"}`:                                                        true,
		`{"id":1,"version":-1,"username":"ann"}`:                                                       true,
		`{"id":1,"version":2}`:                                                                         true,
		`{"id":1,"version":2,"username":"a\nb"}`:                                                       true,
		`{"id":1,"version":2,"username":"ann","sub":"2"}`:                                              true,
		`{"id":1,"version":2,"username":"ann"} {}`:                                                     true,
		`[]`:   true,
		`null`: true,
		``:     true,
		`{"id":1,"version":2,"username":"ann","c":{"type":"company","id":0,"version":1}}`:                                      true,
		strings.Repeat(`{"id":1,"version":2,"username":"ann","type":"company","company":`, 20) + "1" + strings.Repeat("}", 20): true,
	} {
		records, err := parseProfile([]byte(body), "1")
		if (err != nil) != wantErr {
			t.Errorf("%.90s: %v", body, err)
		}
		for i, r := range records {
			if i > 0 && r.Type == store.UserType {
				t.Errorf("%.90s: a nested user became a record", body)
			}
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(`{"id":1,"version":12,"username":"ann","groups":["a"],"company":{"type":"company","id":1,"version":3,"name":"Acme"}}`))
	f.Add([]byte(`{"id":1,"version":1,"username":"x","a":{"type":"b","id":9}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := parseProfile(body, "1")
		if err != nil {
			return
		}
		for i, r := range records {
			if (i == 0) != (r.Type == store.UserType) || r.Version == 0 || r.Type == "" || r.ID == "" {
				t.Fatalf("record %d: %+v", i, r)
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back store.Record
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatalf("a record that no store can read back: %v: %s", err, b)
			}
		}
		if records[0].ID != "1" {
			t.Fatal("another subject")
		}
	})
}

func stateText(g *Gate, a *attempt) string {
	return base64.RawURLEncoding.EncodeToString(g.sealAttempt(a))
}

func FuzzOpenAttempt(f *testing.F) {
	g := bareGate(f)
	a := newAttempt()
	a.origin, a.path = "https://wiki.example.com", "/page"
	f.Add(stateText(g, &a))
	f.Add("")
	f.Add(strings.Repeat("A", 200))
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := g.openAttempt(s); err == nil {
			if b, _ := g.openAttempt(s); b.path != "/page" {
				t.Fatalf("opened what was not sealed: %q", s)
			}
		} else if !errors.Is(err, errState) {
			t.Fatal(err)
		}
	})
}

func TestAttemptRoundTrip(t *testing.T) {
	g := bareGate(t)
	a := newAttempt()
	a.browser, a.expires, a.retries = store.HashOf("x"), 1<<40, 3
	a.origin, a.path = "https://wiki.example.com", "/p?q=1"
	b, err := g.openAttempt(stateText(g, &a))
	if err != nil || *b != a {
		t.Errorf("%+v, want %+v: %v", b, a, err)
	}
	// A nonce that seals twice would give away what is sealed.
	nonces := map[[sealNonceLen]byte]bool{}
	for range 100 {
		a := newAttempt()
		if nonces[a.sealNonce] || !strings.HasPrefix(string(g.sealAttempt(&a)), string(a.sealNonce[:])) {
			t.Fatal("a nonce came twice, or is not the one of the seal")
		}
		nonces[a.sealNonce] = true
	}
	if challenge := sha256.Sum256([]byte(a.codeVerifier())); challenge != a.codeChallenge() {
		t.Error("the challenge is not that of the verifier")
	}
}

// A program that signs in again and again does not fill the store.
func TestSessionsOfOnePersonAreBounded(t *testing.T) {
	house := newHouse(t)
	first := newBrowser(house.gate)
	wantStatus(t, first.signIn(house.issuer, "/"), 303)
	var last *browser
	for range maxSessions {
		house.clock.add(time.Second)
		last = newBrowser(house.gate)
		wantStatus(t, last.signIn(house.issuer, "/"), 303)
	}
	house.update(func(tx store.WriteTx) error {
		sessions, err := tx.SessionsOf("wiki", "u-1")
		if len(sessions) != maxSessions {
			t.Errorf("%d sessions", len(sessions))
		}
		return err
	})
	seen(t, last.get("/"))
	wantStatus(t, first.get("/"), 302)
}
