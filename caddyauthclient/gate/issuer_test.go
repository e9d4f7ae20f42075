package gate

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testIssuer = "https://issuer.example"
	testClient = "wiki"
	testSecret = "a secret with % and : in it"
)

// fakeIssuer is an OpenID provider that is not ours, reached without a network.
// Its hooks make it misbehave.
type fakeIssuer struct {
	t   testing.TB
	key *rsa.PrivateKey

	mu       sync.Mutex
	codes    map[string]url.Values // authorization requests by code
	calls    map[string]int
	revoked  []string
	lastForm url.Values
	tokens   int

	now        func() time.Time
	metadata   func(map[string]any)
	header     func(map[string]any)
	claims     func(map[string]any)
	token      func(map[string]any)
	sign       func(input string) []byte
	userinfo   map[string]any // nil: 403
	profile    map[string]any // non-nil: a provider of our kind
	answerWith func(w http.ResponseWriter, r *http.Request) bool
	callback   func(url.Values)
	down       error
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newFakeIssuer(t testing.TB) *fakeIssuer {
	return &fakeIssuer{
		t: t, key: testKey(), codes: map[string]url.Values{}, calls: map[string]int{}, now: time.Now,
		userinfo: map[string]any{
			"sub": "u-1", "preferred_username": "ann", "email": "ann@example.com", "email_verified": true,
			"given_name": "Ann", "family_name": "Lee", "groups": []string{"staff", "dev"},
		},
	}
}

func (f *fakeIssuer) subject() string {
	if f.profile != nil {
		return "1"
	}
	return "u-1"
}

// RoundTrip makes f a transport that knows one host.
func (f *fakeIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.calls[r.URL.Path]++
	down := f.down
	f.mu.Unlock()
	if down != nil {
		return nil, down
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result(), nil
}

func (f *fakeIssuer) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[path]
}

func (f *fakeIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.answerWith != nil && f.answerWith(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		m := map[string]any{
			"issuer": testIssuer, "authorization_endpoint": testIssuer + "/authorize",
			"token_endpoint": testIssuer + "/token", "jwks_uri": testIssuer + "/jwks",
			"userinfo_endpoint": testIssuer + "/userinfo", "revocation_endpoint": testIssuer + "/revoke",
			"end_session_endpoint":                           testIssuer + "/end",
			"id_token_signing_alg_values_supported":          []string{"RS256", "HS256", "none"},
			"scopes_supported":                               []string{"openid", "profile", "email"},
			"authorization_response_iss_parameter_supported": true,
		}
		if f.profile != nil {
			m["caddyito_profile_endpoint"] = testIssuer + "/o/profile"
			m["scopes_supported"] = []string{"openid", "profile", "email", "groups", "read"}
		}
		if f.metadata != nil {
			f.metadata(m)
		}
		f.json(w, 200, m)
	case "/jwks":
		f.json(w, 200, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256",
			"n": b64(f.key.N.Bytes()), "e": b64(big.NewInt(int64(f.key.E)).Bytes()),
		}}})
	case "/token":
		f.serveToken(w, r)
	case "/userinfo":
		if f.userinfo == nil {
			f.json(w, 403, map[string]any{"error": "insufficient_scope"})
			return
		}
		f.json(w, 200, f.userinfo)
	case "/o/profile":
		f.json(w, 200, f.profile)
	case "/revoke":
		r.ParseForm()
		f.mu.Lock()
		f.revoked = append(f.revoked, r.PostForm.Get("token"))
		f.mu.Unlock()
	default:
		http.NotFound(w, r)
	}
}

// authorize is what a browser with a session at the issuer meets there.
func (f *fakeIssuer) authorize(location string) (callback string) {
	u, err := url.Parse(location)
	if err != nil {
		f.t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/authorize" || q.Get("response_type") != "code" || q.Get("client_id") != testClient ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "" {
		f.t.Fatalf("not an authorization request: %s", location)
	}
	code := rand.Text()
	f.mu.Lock()
	f.codes[code] = q
	f.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {testIssuer}}
	if f.callback != nil {
		f.callback(back)
	}
	return q.Get("redirect_uri") + "?" + back.Encode()
}

func (f *fakeIssuer) serveToken(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	id, secret, ok := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	if !ok || id != testClient || secret != testSecret {
		f.json(w, 401, map[string]any{"error": "invalid_client"})
		return
	}
	f.mu.Lock()
	req, ok := f.codes[r.PostForm.Get("code")]
	delete(f.codes, r.PostForm.Get("code"))
	f.lastForm = r.PostForm
	f.tokens++
	f.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || b64(sum[:]) != req.Get("code_challenge") || r.PostForm.Get("redirect_uri") != req.Get("redirect_uri") {
		f.json(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	access := "access-" + rand.Text()
	hash := sha256.Sum256([]byte(access))
	now := f.now()
	claims := map[string]any{
		"iss": testIssuer, "aud": testClient, "sub": f.subject(), "nonce": req.Get("nonce"), "sid": "sid-1",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Add(-time.Minute).Unix(),
		"at_hash": b64(hash[:16]),
	}
	if f.claims != nil {
		f.claims(claims)
	}
	answer := map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": f.jwt(claims),
	}
	if f.token != nil {
		f.token(answer)
	}
	f.json(w, 200, answer)
}

func (f *fakeIssuer) jwt(claims map[string]any) string {
	header := map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}
	if f.header != nil {
		f.header(header)
	}
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	input := b64(h) + "." + b64(c)
	if f.sign != nil {
		return input + "." + b64(f.sign(input))
	}
	return input + "." + b64(f.rs256(f.key, input))
}

func (f *fakeIssuer) rs256(key *rsa.PrivateKey, input string) []byte {
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		f.t.Fatal(err)
	}
	return sig
}

func hs256(key []byte, input string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(input))
	return m.Sum(nil)
}

func (f *fakeIssuer) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// browser keeps cookies as browsers do, for one origin.
type browser struct {
	g       *Gate
	origin  string
	cookies map[string]string
	// header is sent with every request.
	header http.Header
}

func newBrowser(g *Gate) *browser {
	return &browser{g: g, origin: "https://wiki.example.com", cookies: map[string]string{}, header: http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"},
	}}
}

func (b *browser) request(method, target string) *http.Request {
	if strings.HasPrefix(target, "/") {
		target = b.origin + target
	}
	r := httptest.NewRequestWithContext(context.Background(), method, target, nil)
	r.Header = b.header.Clone()
	var pairs []string
	for name, v := range b.cookies {
		pairs = append(pairs, name+"="+v)
	}
	if len(pairs) > 0 {
		r.Header["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
	return r
}

func (b *browser) get(target string) *httptest.ResponseRecorder {
	return b.do(b.request("GET", target))
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	serve(b.g, w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

func (b *browser) clone() *browser {
	c := *b
	c.cookies = maps.Clone(b.cookies)
	return &c
}

// serve is what the Caddy module does; the app behind answers with the headers
// it was given.
func serve(g *Gate, w http.ResponseWriter, r *http.Request) {
	g.CleanHeaders(r)
	switch d := g.Decide(r); d.Verdict {
	case Pass:
		if d.Identity != nil {
			p, passed := g.Begin(w, r, &d)
			defer p.End()
			w, r = p, passed
		}
		g.Apply(r, d)
		w.Header().Set("X-App", "1")
		json.NewEncoder(w).Encode(map[string]any{"header": r.Header, "trailer": r.Trailer, "path": r.URL.RequestURI()})
	case Own:
		g.ServeOwn(w, r)
	default:
		g.Refuse(w, r, d)
	}
}

// signIn goes the whole way from target back to it.
func (b *browser) signIn(f *fakeIssuer, target string) *httptest.ResponseRecorder {
	f.t.Helper()
	w := b.get(target)
	if w.Code != 302 {
		f.t.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
	}
	return b.get(f.authorize(w.Header().Get("Location")))
}
