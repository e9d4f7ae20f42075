package gate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func newTestGate(t testing.TB, f *fakeIssuer) *Gate {
	t.Helper()
	g, err := New(Config{
		Name: "wiki", Issuer: testIssuer, ClientID: testClient, ClientSecret: testSecret,
		Origins: []string{"https://wiki.example.com"}, Store: openStore(t), Key: [32]byte{1}, Transport: f,
		Now: func() time.Time { return f.now() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// logoutClaims are good ones; set changes them, nil takes away.
func (f *fakeIssuer) logoutClaims(set ...any) map[string]any {
	now := f.now()
	c := map[string]any{
		"iss": testIssuer, "aud": testClient, "sub": f.subject(), "sid": "sid-1", "jti": store.NewSecret(),
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "events": map[string]any{logoutEvent: map[string]any{}},
	}
	for i := 0; i < len(set); i += 2 {
		if c[set[i].(string)] = set[i+1]; set[i+1] == nil {
			delete(c, set[i].(string))
		}
	}
	return c
}

// logoutToken signs claims under a type; "" leaves it out.
func (f *fakeIssuer) logoutToken(typ string, claims map[string]any) string {
	f.header = func(h map[string]any) {
		if h["typ"] = typ; typ == "" {
			delete(h, "typ")
		}
	}
	defer func() { f.header = nil }()
	return f.jwt(claims)
}

func postLogout(g *Gate, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), "POST", "https://wiki.example.com/oidc/backchannel-logout", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	serve(g, w, r)
	return w
}

func tell(g *Gate, token string) *httptest.ResponseRecorder {
	return postLogout(g, url.Values{"logout_token": {token}}.Encode())
}

func wantRefused(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	var e map[string]string
	if w.Code != 400 || json.Unmarshal(w.Body.Bytes(), &e) != nil || e["error"] == "" || e["error_description"] == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d %v %s", what, w.Code, w.Header(), w.Body)
	}
}

// Back-Channel Logout section 2.7: the sessions of the sid end, or without one
// those of the sub, and nobody else's.
func TestBackchannelLogoutEndsSessions(t *testing.T) {
	f := newFakeIssuer(t)
	g := newTestGate(t, f)
	in := func(sid string) *browser {
		f.claims = func(c map[string]any) { c["sid"] = sid }
		b := newBrowser(g)
		b.signIn(f, "/")
		return b
	}
	lives := func(b *browser) bool { return b.get("/").Code == 200 }
	a, same, other := in("sid-1"), in("sid-1"), in("sid-2")
	if !lives(a) || !lives(same) || !lives(other) {
		t.Fatal("cannot sign in")
	}
	if w := tell(g, f.logoutToken("logout+jwt", f.logoutClaims("sub", "u-2"))); w.Code != 200 || !lives(a) {
		t.Errorf("the sid under another sub: %d", w.Code)
	}
	w := tell(g, f.logoutToken("logout+jwt", f.logoutClaims()))
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" || w.Body.Len() > 0 {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if lives(a) || lives(same) || !lives(other) {
		t.Error("other sessions ended than those of the sid")
	}
	// Nobody is told what there was.
	if w := tell(g, f.logoutToken("logout+jwt", f.logoutClaims())); w.Code != 200 {
		t.Errorf("a session that is gone: %d", w.Code)
	}
	b := in("sid-3")
	if w := tell(g, f.logoutToken("logout+jwt", f.logoutClaims("sid", "sid-3", "sub", nil))); w.Code != 200 || lives(b) {
		t.Errorf("a sid alone: %d", w.Code)
	}
	b = in("sid-4")
	if w := tell(g, f.logoutToken("logout+jwt", f.logoutClaims("sid", nil))); w.Code != 200 || lives(b) || lives(other) {
		t.Errorf("a sub alone: %d", w.Code)
	}
	if n := g.Counts().SessionsEnded; n != 5 {
		t.Errorf("%d sessions were counted", n)
	}
}

// Back-Channel Logout section 2.6, and 2.4 for what must be there.
func TestBackchannelLogoutValidation(t *testing.T) {
	f := newFakeIssuer(t)
	now := time.Now()
	f.now = func() time.Time { return now }
	g := newTestGate(t, f)
	b := newBrowser(g)
	b.signIn(f, "/")
	key := f.key
	for name, claims := range map[string]map[string]any{
		"another issuer":             f.logoutClaims("iss", "https://other.example"),
		"another client":             f.logoutClaims("aud", "shop"),
		"no audience":                f.logoutClaims("aud", nil),
		"expired":                    f.logoutClaims("exp", now.Add(-61*time.Second).Unix()),
		"no exp":                     f.logoutClaims("exp", nil),
		"no iat":                     f.logoutClaims("iat", nil),
		"from the future":            f.logoutClaims("iat", now.Add(2*time.Minute).Unix()),
		"too old":                    f.logoutClaims("iat", now.Add(-25*time.Hour).Unix()),
		"no jti":                     f.logoutClaims("jti", nil),
		"a long jti":                 f.logoutClaims("jti", strings.Repeat("j", 256)),
		"neither sub nor sid":        f.logoutClaims("sub", nil, "sid", nil),
		"an odd sid":                 f.logoutClaims("sid", "a\nb"),
		"no events":                  f.logoutClaims("events", nil),
		"another event":              f.logoutClaims("events", map[string]any{"http://schemas.openid.net/secevent/risc": map[string]any{}}),
		"an event that is no object": f.logoutClaims("events", map[string]any{logoutEvent: true}),
		"events as a list":           f.logoutClaims("events", []any{logoutEvent}),
		"a nonce":                    f.logoutClaims("nonce", "n"),
		"an empty nonce":             f.logoutClaims("nonce", ""),
		"too long":                   f.logoutClaims("x", strings.Repeat("x", maxIDToken)),
	} {
		wantRefused(t, name, tell(g, f.logoutToken("logout+jwt", claims)))
	}
	for _, typ := range []string{"at+jwt", "caddyito-sync+jwt", "secevent+jwt"} {
		wantRefused(t, typ, tell(g, f.logoutToken(typ, f.logoutClaims())))
	}
	good := f.logoutToken("logout+jwt", f.logoutClaims())
	parts := strings.Split(good, ".")
	public := []byte(b64(key.N.Bytes()))
	for name, token := range map[string]string{
		"nothing": "", "garbage": "a.b.c", "no signature": parts[0] + "." + parts[1] + ".",
		"tampered": parts[0] + "." + b64([]byte(`{"sub":"u-1"}`)) + "." + parts[2],
		"none":     b64([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + parts[1] + ".",
		"HS256 with a public key": func() string {
			in := b64([]byte(`{"alg":"HS256","typ":"logout+jwt","kid":"k1"}`)) + "." + parts[1]
			return in + "." + b64(hs256(public, in))
		}(),
		"critical header": func() string {
			f.header = func(h map[string]any) { h["typ"], h["crit"] = "logout+jwt", []string{"x"} }
			defer func() { f.header = nil }()
			return f.jwt(f.logoutClaims())
		}(),
	} {
		wantRefused(t, name, tell(g, token))
	}
	// Section 2.5: the form.
	for name, body := range map[string]string{
		"none": "", "two": "logout_token=" + good + "&logout_token=" + good, "malformed": "logout_token=%zz",
		"too long": "logout_token=" + good + "&x=" + strings.Repeat("x", maxLogoutForm),
	} {
		wantRefused(t, "form: "+name, postLogout(g, body))
	}
	r := httptest.NewRequest("POST", "https://wiki.example.com/oidc/backchannel-logout", strings.NewReader(good))
	r.Header.Set("Content-Type", "application/jwt")
	w := httptest.NewRecorder()
	serve(g, w, r)
	wantRefused(t, "content type", w)
	if w := b.get("/oidc/backchannel-logout?logout_token=" + good); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
	if b.get("/").Code != 200 {
		t.Fatal("what was refused ended the session")
	}
	// Within the leeway, and for several audiences, it is good.
	if w := tell(g, f.logoutToken("logout+jwt", f.logoutClaims("exp", now.Add(-50*time.Second).Unix(), "aud", []string{"shop", testClient}))); w.Code != 200 || b.get("/").Code == 200 {
		t.Errorf("a good one: %d %s", w.Code, w.Body)
	}
}

// Section 2.6: the type is left out by many, but not by a server of ours.
func TestBackchannelLogoutTokenType(t *testing.T) {
	f := newFakeIssuer(t)
	g := newTestGate(t, f)
	for _, typ := range []string{"", "JWT", "LOGOUT+JWT", "application/logout+jwt"} {
		if w := tell(g, f.logoutToken(typ, f.logoutClaims())); w.Code != 200 {
			t.Errorf("type %q of another issuer: %d %s", typ, w.Code, w.Body)
		}
	}
	ours := newFakeIssuer(t)
	ours.profile = map[string]any{"sub": "1"}
	g = newTestGate(t, ours)
	for _, typ := range []string{"", "JWT"} {
		wantRefused(t, "type "+typ+" of ours", tell(g, ours.logoutToken(typ, ours.logoutClaims())))
	}
	if w := tell(g, ours.logoutToken("logout+jwt", ours.logoutClaims())); w.Code != 200 {
		t.Errorf("ours: %d %s", w.Code, w.Body)
	}
}

// Section 2.6: a jti counts once, also for who sends it at once many times.
func TestBackchannelLogoutReplay(t *testing.T) {
	f := newFakeIssuer(t)
	g := newTestGate(t, f)
	token := f.logoutToken("logout+jwt", f.logoutClaims())
	codes := make(chan int, 16)
	for range cap(codes) {
		go func() { codes <- tell(g, token).Code }()
	}
	taken := 0
	for range cap(codes) {
		if <-codes == 200 {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
	// What one signed in with later is not ended by it.
	b := newBrowser(g)
	b.signIn(f, "/")
	wantRefused(t, "replay", tell(g, token))
	if b.get("/").Code != 200 {
		t.Error("a replay ended a session")
	}
}

// Section 2.8: what is not the token's fault is no 400, so that it comes again.
func TestBackchannelLogoutUnavailable(t *testing.T) {
	f := newFakeIssuer(t)
	g := newTestGate(t, f)
	token := f.logoutToken("logout+jwt", f.logoutClaims())
	f.answerWith = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/jwks" {
			w.WriteHeader(503)
			return true
		}
		return false
	}
	if w := tell(g, token); w.Code != 503 {
		t.Errorf("without keys: %d %s", w.Code, w.Body)
	}
	f.answerWith = nil
	f.now = func() time.Time { return time.Now().Add(keysPause) }
	if w := tell(g, token); w.Code != 200 {
		t.Errorf("with keys: %d %s", w.Code, w.Body)
	}
}

// Each token opens one door: nothing else that the issuer signs ends a session,
// and a logout token does nothing but that.
func TestBackchannelLogoutDoors(t *testing.T) {
	f := newFakeIssuer(t)
	g := newTestGate(t, f)
	b := newBrowser(g)
	b.signIn(f, "/")
	now := f.now()
	idToken := f.jwt(map[string]any{
		"iss": testIssuer, "aud": testClient, "sub": f.subject(), "sid": "sid-1", "jti": "j",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	wantRefused(t, "an ID token", tell(g, idToken))
	wantRefused(t, "an access token", tell(g, "access-token"))
	if b.get("/").Code != 200 {
		t.Error("another token ended the session")
	}
	token := f.logoutToken("logout+jwt", f.logoutClaims())
	r := httptest.NewRequest("POST", "https://wiki.example.com/oidc/sync", strings.NewReader(token))
	r.Header.Set("Content-Type", "application/jwt")
	w := httptest.NewRecorder()
	serve(g, w, r)
	if w.Code < 400 {
		t.Errorf("the sync endpoint takes a logout token: %d", w.Code)
	}
	for _, typ := range []string{"logout+jwt", "JWT"} {
		f.token = func(m map[string]any) {
			b, _ := base64.RawURLEncoding.DecodeString(strings.Split(m["id_token"].(string), ".")[1])
			var c struct{ Nonce string }
			if err := json.Unmarshal(b, &c); err != nil {
				t.Error(err)
			}
			m["id_token"] = f.logoutToken(typ, f.logoutClaims("nonce", c.Nonce))
		}
		c := newBrowser(g)
		if w := c.signIn(f, "/"); w.Code < 400 {
			t.Errorf("a logout token of type %s signs in: %d", typ, w.Code)
		}
	}
}

func FuzzBackchannelLogout(f *testing.F) {
	is := newFakeIssuer(f)
	g := newTestGate(f, is)
	b := newBrowser(g)
	b.signIn(is, "/")
	f.Add("logout_token=a.b.c")
	f.Add("logout_token=" + is.jwt(map[string]any{"iss": testIssuer, "aud": testClient, "sub": "u-1", "iat": 1, "exp": 99999999999}))
	f.Add("logout_token=eyJhbGciOiJub25lIn0.e30.")
	f.Add("%zz&logout_token")
	unknown := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"of nobody","typ":"JWT"}`)) + ".e30."
	f.Add("logout_token=" + unknown)
	f.Fuzz(func(t *testing.T, body string) {
		// 503 is of a key that was looked for just now: the issuer tries again.
		if w := postLogout(g, body); w.Code != 400 && w.Code != 503 {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
		if b.get("/").Code != 200 {
			t.Errorf("%q ended the session", body)
		}
	})
}
