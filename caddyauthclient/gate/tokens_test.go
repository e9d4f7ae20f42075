package gate

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/caddyito/caddyito/store"
)

// renewing makes the issuer give refresh tokens, each good for one use, and access
// tokens of 5 minutes. change is applied to the claims of refreshed ID tokens, which
// have no nonce.
func (f *fakeIssuer) renewing(change func(map[string]any)) {
	current, used := "refresh-0", 0
	f.token = func(m map[string]any) { m["refresh_token"] = current }
	f.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" || r.FormValue("grant_type") != "refresh_token" {
			return false
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if id, _, _ := r.BasicAuth(); id != testClient || r.PostForm.Get("refresh_token") != current {
			f.json(w, 400, map[string]any{"error": "invalid_grant"})
			return true
		}
		used++
		current = fmt.Sprint("refresh-", used)
		now := f.now()
		claims := map[string]any{"iss": testIssuer, "aud": testClient, "sub": f.subject(), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
		if change != nil {
			change(claims)
		}
		f.json(w, 200, map[string]any{
			"access_token": fmt.Sprint("access-renewed-", used), "token_type": "Bearer", "expires_in": 300,
			"refresh_token": current, "id_token": f.jwt(claims),
		})
		return true
	}
}

// accessToken is what an app behind the gate can use in the person's name.
func (b *browser) accessToken(t *testing.T) string {
	t.Helper()
	r := b.request("GET", "/page")
	d := b.g.Decide(r)
	if d.Verdict != Pass || d.Identity == nil {
		t.Fatalf("the request does not pass: %s", d.Verdict)
	}
	tokens := b.g.tokensOf(r, d)
	if tokens == nil {
		return ""
	}
	if text := fmt.Sprintf("%v %+v %#v", tokens, tokens, tokens); strings.Contains(text, tokens.secret) {
		t.Errorf("printed: %s", text)
	}
	return tokens.AccessToken(context.Background())
}

func keepTokens(c *Config) { c.KeepTokens = true }

// keeper is a gate that keeps tokens, and somebody signed in.
func keeper(t *testing.T, change func(map[string]any)) (*house, *browser) {
	t.Helper()
	h := newHouse(t, keepTokens)
	h.issuer.renewing(change)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	return h, b
}

func (h *house) refreshes() int { return h.issuer.count("/token") - 1 }

func TestKeptTokensAreRenewedOnceForAllWhoAsk(t *testing.T) {
	h, b := keeper(t, nil)
	first := b.accessToken(t)
	if !strings.HasPrefix(first, "access-") || len(h.issuer.revoked) != 0 {
		t.Fatalf("%q; %d tokens are revoked", first, len(h.issuer.revoked))
	}
	h.clock.add(4*time.Minute + 29*time.Second)
	if again := b.accessToken(t); again != first || h.refreshes() != 0 {
		t.Errorf("replaced before its time: %d refreshes", h.refreshes())
	}
	h.clock.add(2 * time.Second)
	second := h.newGate(keepTokens) // as after a reload, the former still has requests
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			b := b.clone()
			if i%2 == 0 {
				b.g = second
			}
			if got := b.accessToken(t); got != "access-renewed-1" {
				t.Errorf("got %q", got)
			}
		})
	}
	wg.Wait()
	if n := h.refreshes(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	// And again, with the next refresh token, by a gate that was not there before.
	h.clock.add(6 * time.Minute)
	b.g = h.newGate(keepTokens)
	if got := b.accessToken(t); got != "access-renewed-2" {
		t.Errorf("got %q", got)
	}
}

func TestKeptTokensAreReadByNobodyWithoutTheCookie(t *testing.T) {
	h, b := keeper(t, nil)
	rec := h.storedSession(b)
	if bytes.Contains(rec.Tokens, []byte("access-")) || bytes.Contains(rec.Tokens, []byte("refresh-")) {
		t.Error("they are stored in the clear")
	}
	secret := b.cookies[h.gate.origins[0].sessionCookie]
	for name, open := range map[string]func() (keptText, error){
		"another id": func() (keptText, error) { return h.gate.openTokens(store.NewSecret(), rec.Tokens) },
		"another key": func() (keptText, error) {
			return h.newGate(func(c *Config) { c.Key = [32]byte{2} }).openTokens(secret, rec.Tokens)
		},
		"another gate": func() (keptText, error) {
			return h.newGate(func(c *Config) { c.Name = "other" }).openTokens(secret, rec.Tokens)
		},
		"changed times": func() (keptText, error) {
			changed := bytes.Clone(rec.Tokens)
			changed[15]++
			return h.gate.openTokens(secret, changed)
		},
		"cut short": func() (keptText, error) { return h.gate.openTokens(secret, rec.Tokens[:keptHead-1]) },
	} {
		if text, err := open(); err == nil || text != (keptText{}) {
			t.Errorf("%s: opened", name)
		}
	}
	if text, err := h.gate.openTokens(secret, rec.Tokens); err != nil || text.Refresh != "refresh-0" {
		t.Errorf("the test proves nothing: %v", err)
	}
}

func (h *house) storedSession(b *browser) (rec *store.Session) {
	h.t.Helper()
	h.update(func(tx store.WriteTx) (err error) {
		rec, err = tx.Session("wiki", h.sessionHash(b))
		return err
	})
	return rec
}

// What the issuer does not renew ends with its access token: the person signs in
// anew.
func TestASessionEndsWithWhatItsTokensStandFor(t *testing.T) {
	for name, prepare := range map[string]func(*fakeIssuer){
		"the grant is revoked": func(f *fakeIssuer) {
			f.renewing(nil)
			answer := f.answerWith
			f.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" && r.FormValue("grant_type") == "refresh_token" {
					f.json(w, 400, map[string]any{"error": "invalid_grant"})
					return true
				}
				return answer(w, r)
			}
		},
		"there is no refresh token": func(*fakeIssuer) {},
		"for another person":        func(f *fakeIssuer) { f.renewing(func(c map[string]any) { c["sub"] = "u-2" }) },
		"for another client":        func(f *fakeIssuer) { f.renewing(func(c map[string]any) { c["aud"] = "other" }) },
		"by another issuer":         func(f *fakeIssuer) { f.renewing(func(c map[string]any) { c["iss"] = "https://evil.example" }) },
		"with another nonce":        func(f *fakeIssuer) { f.renewing(func(c map[string]any) { c["nonce"] = "x" }) },
		"with another azp":          func(f *fakeIssuer) { f.renewing(func(c map[string]any) { c["azp"] = "other" }) },
		"of another sign-in":        func(f *fakeIssuer) { f.renewing(func(c map[string]any) { c["auth_time"] = 1 }) },
		"expired": func(f *fakeIssuer) {
			f.renewing(func(c map[string]any) { c["exp"] = f.now().Add(-2 * time.Minute).Unix() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, keepTokens)
			prepare(h.issuer)
			b := newBrowser(h.gate)
			wantStatus(t, b.signIn(h.issuer, "/page"), 303)
			h.clock.add(6 * time.Minute)
			if token := b.accessToken(t); token != "" {
				t.Errorf("the app is given %q", token)
			}
			wantStatus(t, b.get("/page"), 302)
		})
	}
}

// OpenID Connect Core section 12.2 lets a refreshed ID token say again what the
// first one said.
func TestARefreshedIDTokenMayRepeatTheFirst(t *testing.T) {
	var nonce any
	var authTime any
	h := newHouse(t, keepTokens)
	h.issuer.claims = func(c map[string]any) { nonce, authTime, c["azp"] = c["nonce"], c["auth_time"], testClient }
	h.issuer.renewing(func(c map[string]any) { c["nonce"], c["auth_time"], c["azp"] = nonce, authTime, testClient })
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	h.clock.add(6 * time.Minute)
	if token := b.accessToken(t); token != "access-renewed-1" {
		t.Errorf("got %q", token)
	}
}

// While the issuer is down people stay signed in, and the app has the token as long
// as that is good.
func TestTokensWhileTheIssuerIsDown(t *testing.T) {
	h, b := keeper(t, nil)
	first := b.accessToken(t)
	h.issuer.mu.Lock()
	h.issuer.down = fmt.Errorf("no route")
	h.issuer.mu.Unlock()
	h.clock.add(4*time.Minute + 45*time.Second)
	for range 3 {
		if token := b.accessToken(t); token != first {
			t.Errorf("got %q", token)
		}
	}
	if n := h.refreshes(); n != 1 {
		t.Errorf("three requests asked %d times", n)
	}
	h.clock.add(time.Minute)
	if token := b.accessToken(t); token != "" {
		t.Errorf("one that is over: %q", token)
	}
	h.issuer.mu.Lock()
	h.issuer.down = nil
	h.issuer.mu.Unlock()
	h.clock.add(renewPause)
	if token := b.accessToken(t); token != "access-renewed-1" {
		t.Errorf("afterwards: %q", token)
	}
}

func TestSigningOutRevokesKeptTokens(t *testing.T) {
	h, b := keeper(t, nil)
	access := b.accessToken(t)
	wantStatus(t, b.get("/oidc/logout"), 303)
	h.wantRevoked("refresh-0", access)
}

// A session that ends for that of another tab leaves no tokens behind.
func TestSigningInAnewRevokesKeptTokens(t *testing.T) {
	h := newHouse(t, keepTokens)
	h.issuer.renewing(nil)
	b := newBrowser(h.gate)
	tab := b.get("/page").Header().Get("Location")
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	access := b.accessToken(t)
	wantStatus(t, b.get(h.issuer.authorize(tab)), 303)
	h.wantRevoked("refresh-0", access)
	if token := b.accessToken(t); token == "" {
		t.Error("the new session has no token")
	}
}

// Nor does a sign-in that ends in no session.
func TestTokensOfARefusedSignInAreRevoked(t *testing.T) {
	for name, refuse := range map[string]func(*house){
		"no ID token": func(h *house) {
			h.issuer.token = func(m map[string]any) { m["refresh_token"] = "refresh-0"; delete(m, "id_token") }
		},
		"disabled": func(h *house) {
			h.ours()
			wantStatus(t, newBrowser(h.gate).signIn(h.issuer, "/page"), 303)
			h.setUser("1", func(r *store.Record) { r.Fields["is_active"] = false })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, keepTokens)
			h.issuer.renewing(nil)
			b := newBrowser(h.gate)
			refuse(h)
			if w := b.signIn(h.issuer, "/page"); w.Code < 400 {
				t.Fatalf("signed in: %d", w.Code)
			}
			if n := len(h.issuer.revoked); n != 2 || h.issuer.revoked[0] != "refresh-0" {
				t.Errorf("revoked %q", h.issuer.revoked)
			}
		})
	}
}

// Who signs out while a token is renewed leaves none behind.
func TestSigningOutDuringARenewal(t *testing.T) {
	h, b := keeper(t, nil)
	access, answer := b.accessToken(t), h.issuer.answerWith
	h.issuer.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			h.deleteSession(h.sessionHash(b))
		}
		return answer(w, r)
	}
	h.clock.add(6 * time.Minute)
	if token := b.accessToken(t); token != "" {
		t.Errorf("the app is given %q", token)
	}
	h.wantRevoked("refresh-0", access, "refresh-1", "access-renewed-1")
}

func TestNoTokensWhereNoneAreKept(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	if token := b.accessToken(t); token != "" || len(h.storedSession(b).Tokens) != 0 {
		t.Error("kept")
	}
	b.g = h.newGate(keepTokens) // a session from before the option
	if token := b.accessToken(t); token != "" {
		t.Errorf("got %q", token)
	}
}

// What is stored opens only as it was sealed.
func FuzzOpenTokens(f *testing.F) {
	g := bareGate(f)
	secret := store.NewSecret()
	sealed, err := g.sealTokens(secret, &oauth2.Token{AccessToken: "a", RefreshToken: "r", ExpiresIn: 300})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:keptHead])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if k := newKept(b); k != nil {
			k.due(g.cfg.Now())
			k.over(g.cfg.Now())
		}
		if text, err := g.openTokens(secret, b); err == nil && (text != keptText{"a", "r"} || !bytes.Equal(b, sealed)) {
			t.Errorf("opened %q", b)
		}
	})
}
