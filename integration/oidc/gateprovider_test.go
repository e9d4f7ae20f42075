package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/caddyito/caddyito/store"
)

// op is an OpenID provider of ann, with several issuers: what it tells of each is
// in metadata. All tests of the gate share it, one after the other, and each begins
// with one that does as it should.
var op *provider

// gates are the origins of gates, by the issuer before which they stand. That of
// "form_post" asks for the answer in a form.
var gates = map[string]string{}

var issuers = []string{"usual", "form_post", "mismatch", "nameless"}

type provider struct {
	url string

	mu    sync.Mutex // guards the rest
	codes map[string]url.Values
	known map[string]bool // access tokens
	ended url.Values      // the last request to end a session
	behaviour
}

// behaviour is what a test can have the provider do.
type behaviour struct {
	keys     []jose.JSONWebKey // published
	signer   *jose.JSONWebKey
	sign     func(header, claims map[string]any) string // nil: by signer
	header   func(map[string]any)
	claims   func(map[string]any)
	answer   func(url.Values) // of the authorization endpoint
	token    func(map[string]any)
	refuse   http.HandlerFunc // in place of the token endpoint
	userinfo func(map[string]any)
	typ      string // of the JWT
}

// gateSites starts the provider and returns the sites of a Caddyfile with gates.
func gateSites() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addrs, err := freeAddrs(len(issuers))
	if err != nil {
		return "", err
	}
	op = &provider{url: "http://" + strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1), codes: map[string]url.Values{}, known: map[string]bool{}}
	var sites strings.Builder
	for i, name := range issuers {
		gates[name] = "https://" + addrs[i]
		more := map[string]string{"form_post": "response_mode form_post"}[name]
		fmt.Fprintf(&sites, "%s {\n\ttls internal\n\tauth_client %s/%s {\n\t\tclient_id gate-%[3]s\n\t\tclient_secret \"%s\"\n\t\t%s\n\t}\n\trespond \"hello {http.auth.user.username} {http.auth.user.email}\"\n}\n",
			gates[name], op.url, name, secret, more)
	}
	go func() { _ = http.Serve(l, op) }()
	return sites.String(), nil
}

// rsaKeys are as many as a test may need at once: to make one for each takes long.
var rsaKeys = sync.OnceValues(func() (keys [6]*rsa.PrivateKey, err error) {
	for i := range keys {
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return keys, err
		}
	}
	return keys, nil
})

// made counts what aKey made.
var made int

// aKey is one, public and private, that none of the last five calls returned.
func aKey(t *testing.T, alg, kid string) *jose.JSONWebKey {
	t.Helper()
	keys, err := rsaKeys()
	var private crypto.Signer = keys[made%len(keys)]
	made++
	if alg == "ES256" {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &jose.JSONWebKey{Key: private, KeyID: kid, Algorithm: alg, Use: "sig"}
}

// behave makes the provider one that does as it should, but for what change does.
func behave(t *testing.T, change func(*behaviour)) {
	t.Helper()
	key := aKey(t, "RS256", store.NewSecret())
	b := behaviour{signer: key, keys: []jose.JSONWebKey{key.Public()}, typ: "JWT"}
	if change != nil {
		change(&b)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	op.behaviour = b
}

func (o *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = r.ParseForm()
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	at := o.url + "/" + name
	if !slices.Contains(issuers, name) {
		http.NotFound(w, r)
		return
	}
	switch path {
	case ".well-known/openid-configuration":
		metadata := map[string]any{
			"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + "/jwks",
			"userinfo_endpoint": at + "/userinfo", "end_session_endpoint": at + "/end", "scopes_supported": []string{"openid", "profile", "email"},
			"id_token_signing_alg_values_supported": []string{"none", "HS256", "RS256", "ES256"}, "authorization_response_iss_parameter_supported": name != "nameless",
		}
		if name == "mismatch" {
			metadata["issuer"] = o.url + "/usual"
		}
		writeJSON(w, 200, metadata)
	case "jwks":
		writeJSON(w, 200, map[string]any{"keys": o.keys})
	case "authorize":
		o.authorize(w, r, at)
	case "token":
		if o.refuse != nil {
			o.refuse(w, r)
			return
		}
		o.exchange(w, r, at)
	case "userinfo":
		if !o.known[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
			writeJSON(w, 401, map[string]any{"error": "invalid_token"})
			return
		}
		v := map[string]any{"sub": "u-1", "preferred_username": "ann", "email": "ann@example.com"}
		if o.userinfo != nil {
			o.userinfo(v)
		}
		writeJSON(w, 200, v)
	case "end":
		o.ended = r.Form
		fmt.Fprint(w, "signed out")
	default:
		http.NotFound(w, r)
	}
}

// authorize answers as if ann were signed in and agreed.
func (o *provider) authorize(w http.ResponseWriter, r *http.Request, at string) {
	code := store.NewSecret()
	o.codes[code] = r.Form
	answer := url.Values{"code": {code}, "state": {r.Form.Get("state")}}
	if !strings.HasSuffix(at, "nameless") {
		answer.Set("iss", at)
	}
	if o.answer != nil {
		o.answer(answer)
	}
	if r.Form.Get("response_mode") != "form_post" {
		http.Redirect(w, r, r.Form.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
		return
	}
	fmt.Fprintf(w, `<form id="form-post" method="post" action="%s">`, html.EscapeString(r.Form.Get("redirect_uri")))
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(answer.Get(name)))
	}
}

func (o *provider) exchange(w http.ResponseWriter, r *http.Request, at string) {
	id, s, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	s, _ = url.QueryUnescape(s)
	asked := o.codes[r.PostForm.Get("code")]
	delete(o.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case asked == nil || asked.Get("client_id") != id || s != secret:
		writeJSON(w, 401, map[string]any{"error": "invalid_client"})
		return
	case asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri") || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
		asked.Get("code_challenge_method") != "S256" || !strings.Contains(" "+asked.Get("scope")+" ", " openid "):
		writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	access := store.NewSecret()
	o.known[access] = true
	hash := sha256.Sum256([]byte(access))
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": at, "sub": "u-1", "aud": id, "nonce": asked.Get("nonce"), "iat": now, "exp": now + 300, "auth_time": now, "sid": "sid-" + access[:8],
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	v := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": o.jwt(claims)}
	if o.token != nil {
		o.token(v)
	}
	writeJSON(w, 200, v)
}

// jwt signs the claims, after the test changed them.
func (o *provider) jwt(claims map[string]any) string {
	header := map[string]any{"alg": o.signer.Algorithm, "kid": o.signer.KeyID, "typ": o.typ}
	if o.header != nil {
		o.header(header)
	}
	if o.claims != nil {
		o.claims(claims)
	}
	if o.sign != nil {
		return o.sign(header, claims)
	}
	opts := (&jose.SignerOptions{}).WithType(jose.ContentType(o.typ))
	key := jose.JSONWebKey{Key: o.signer.Key} // no kid
	if kid, _ := header["kid"].(string); kid != "" {
		key.KeyID = kid
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(o.signer.Algorithm), Key: key}, opts)
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// visit is somebody who goes to an address of the gate and on to where that leads,
// over redirects and forms that post themselves.
func (p *party) visit(gate, path string) *page {
	p.t.Helper()
	a := p.browse("GET", gate+path, nil)
	for range 8 {
		to := a.Header.Get("Location")
		switch {
		case strings.HasPrefix(to, "/"):
			a = p.browse("GET", gate+to, nil)
		case to != "":
			a = p.browse("GET", to, nil)
		case strings.Contains(a.body, `id="form-post"`):
			action, fields := a.form()
			a = p.browse("POST", action, fields)
		default:
			return a
		}
	}
	p.t.Fatalf("goes round in circles at %s", a.Request.URL)
	return nil
}

// signsIn fails unless a visit signs ann in.
func signsIn(t *testing.T, gate string) *party {
	t.Helper()
	p := newParty(t, "")
	if a := p.visit(gate, "/page?x=1"); a.StatusCode != 200 || a.body != "hello ann ann@example.com" || a.Request.URL.String() != gate+"/page?x=1" {
		t.Fatalf("at %s: %s %s", a.Request.URL, a.Status, a.body)
	}
	return p
}

// signsNobodyIn fails unless a visit ends on a page that says so, with the status,
// and the gate is closed still.
func signsNobodyIn(t *testing.T, gate string, status int) {
	t.Helper()
	p := newParty(t, "")
	if a := p.visit(gate, "/page?x=1"); a.StatusCode != status || strings.Contains(a.body, "hello") {
		t.Errorf("at %s: %s %s", a.Request.URL, a.Status, a.body)
	}
	p.stranger(gate)
}

// stranger fails unless the gate knows nobody in this browser.
func (p *party) stranger(gate string) {
	p.t.Helper()
	if a := p.send("GET", gate+"/oidc/me", nil); a.StatusCode != http.StatusUnauthorized {
		p.t.Errorf("the gate knows somebody: %s %s", a.Status, a.body)
	}
	if a := p.send("GET", gate+"/page", nil); a.StatusCode != http.StatusUnauthorized {
		p.t.Errorf("the gate lets in: %s %s", a.Status, a.body)
	}
}
