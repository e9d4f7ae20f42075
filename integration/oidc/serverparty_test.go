package oidc

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/caddyito/caddyito/store"
)

// party is a relying party, with the browser of the person in front of it.
type party struct {
	t                    *testing.T
	id, secret, redirect string
	mode                 string // response_mode; "": none is asked for
	inBody               bool   // client_secret_post
	http                 *http.Client

	sent     url.Values // the last authorization request
	asked    string     // what pages the browser was shown for it
	username string     // as the login page had it filled in
}

func newParty(t *testing.T, mode string) *party {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &party{t: t, id: "rp", secret: secret, redirect: redirect, mode: mode, http: &http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// another is another client of the same person.
func (p *party) another() *party {
	q := *p
	q.id, q.secret, q.redirect = "rp2", secret+" 2", "https://rp2.example.com/cb"
	return &q
}

// page is an answer, read.
type page struct {
	*http.Response
	body string
}

func (p *party) send(method, address string, form url.Values, header ...string) *page {
	p.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return &page{resp, string(body)}
}

// browse loads a page as a browser does when somebody goes there.
func (p *party) browse(method, address string, form url.Values) *page {
	p.t.Helper()
	return p.send(method, address, form, "Accept", "text/html,*/*;q=0.8")
}

func (a *page) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s, and no JSON: %s", a.Status, a.body)
	}
	return v
}

var (
	formTag   = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	inputTag  = regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]*>`)
	valueAttr = regexp.MustCompile(` value="([^"]*)"`)
)

// form is the page's form: where it goes, and what is filled in.
func (a *page) form() (action string, fields url.Values) {
	if m := formTag.FindStringSubmatch(a.body); m != nil {
		action = html.UnescapeString(m[1])
	}
	fields = url.Values{}
	for _, m := range inputTag.FindAllStringSubmatch(a.body, -1) {
		fields.Set(m[1], "")
		if value := valueAttr.FindStringSubmatch(m[0]); value != nil {
			fields.Set(m[1], html.UnescapeString(value[1]))
		}
	}
	return action, fields
}

// request is an authorization request as the suite makes them; set changes it, ""
// takes away.
func (p *party) request(set ...string) url.Values {
	p.sent = url.Values{
		"client_id": {p.id}, "redirect_uri": {p.redirect}, "response_type": {"code"}, "scope": {"openid"},
		"state": {store.NewSecret()}, "nonce": {store.NewSecret()},
	}
	if p.mode != "" {
		p.sent.Set("response_mode", p.mode)
	}
	for i := 0; i < len(set); i += 2 {
		if set[i+1] == "" {
			p.sent.Del(set[i])
		} else {
			p.sent.Set(set[i], set[i+1])
		}
	}
	return p.sent
}

func (p *party) authorize(set ...string) url.Values {
	p.t.Helper()
	return p.through(p.browse("GET", issuer+"/o/authorize?"+p.request(set...).Encode(), nil))
}

// through goes on from a, signing in as alice and agreeing wherever that is asked,
// to the answer at the redirect URI: in the way that was asked for, with the state
// of the request and the issuer (RFC 9207), and nothing but a code or an error.
func (p *party) through(a *page) url.Values {
	p.t.Helper()
	p.asked = ""
	for range 12 {
		action, fields := a.form()
		switch {
		case a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), issuer+"/"):
			a = p.browse("GET", a.Header.Get("Location"), nil)
		case a.StatusCode == http.StatusSeeOther:
			// A query that the redirect URI has is kept.
			separator := map[bool]string{true: "&", false: "?"}[strings.Contains(p.redirect, "?")]
			query, ok := strings.CutPrefix(a.Header.Get("Location"), p.redirect+separator)
			answer, err := url.ParseQuery(query)
			if !ok || err != nil || p.mode == "form_post" {
				p.t.Fatalf("answered by %s", a.Header.Get("Location"))
			}
			return p.answered(p.redirect, answer)
		case strings.Contains(a.body, `id="login-submit"`):
			p.asked += "login "
			p.username = fields.Get("username")
			fields.Set("username", "alice")
			fields.Set("password", password)
			a = p.browse("POST", issuer+action, fields)
		case strings.Contains(a.body, `name="decision"`):
			p.asked += "consent "
			fields.Set("decision", "allow")
			a = p.browse("POST", issuer+action, fields)
		case strings.Contains(a.body, `id="form-post"`) && p.mode == "form_post":
			return p.answered(action, fields)
		default:
			p.t.Fatalf("stuck at %s %s\n%s", a.Request.URL, a.Status, a.body)
		}
	}
	p.t.Fatal("goes round in circles")
	return nil
}

func (p *party) answered(at string, answer url.Values) url.Values {
	p.t.Helper()
	if at != p.redirect || answer.Get("state") != p.sent.Get("state") || answer.Get("iss") != issuer || answer.Has("code") == answer.Has("error") {
		p.t.Fatalf("answered at %s with %v", at, answer)
	}
	for name, v := range answer {
		switch {
		case len(v) != 1:
			p.t.Errorf("%s is there %d times", name, len(v))
		case name != "code" && name != "state" && name != "iss" && name != "error" && name != "error_description":
			p.t.Errorf("%s is in the answer", name)
		}
	}
	return answer
}

// refused is the error with which the request is answered.
func (p *party) refused(set ...string) string {
	p.t.Helper()
	answer := p.authorize(set...)
	if !answer.Has("error") {
		p.t.Fatalf("not refused: %v", answer)
	}
	return answer.Get("error")
}

// token posts to the token endpoint, authenticated.
func (p *party) token(form url.Values) *page {
	p.t.Helper()
	if p.inBody {
		form.Set("client_id", p.id)
		form.Set("client_secret", p.secret)
		return p.send("POST", issuer+"/o/token", form)
	}
	r, _ := http.NewRequest("POST", issuer, nil)
	r.SetBasicAuth(url.QueryEscape(p.id), url.QueryEscape(p.secret))
	return p.send("POST", issuer+"/o/token", form, "Authorization", r.Header.Get("Authorization"))
}

func (p *party) codeForm(code string, set ...string) url.Values {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.redirect}}
	for i := 0; i < len(set); i += 2 {
		form.Set(set[i], set[i+1])
	}
	return form
}

// login is what a sign-in gave the party.
type login struct {
	code, access, refresh, idToken string
	claims                         map[string]any // of the ID token
}

// signIn makes a request, redeems its code, and checks all that section 3.1.3 of
// OpenID Connect Core says of the answer.
func (p *party) signIn(set ...string) *login {
	p.t.Helper()
	return p.redeem(p.authorize(set...))
}

func (p *party) redeem(answer url.Values, set ...string) *login {
	p.t.Helper()
	if !answer.Has("code") {
		p.t.Fatalf("refused: %v", answer)
	}
	code := answer.Get("code")
	l := p.bought(p.token(p.codeForm(code, set...)), p.sent.Get("nonce"))
	l.code = code
	return l
}

func (p *party) bought(a *page, nonce string) *login {
	p.t.Helper()
	v := a.json(p.t)
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" {
		p.t.Fatalf("token endpoint: %s %v %v", a.Status, a.Header, v)
	}
	text := func(name string) string { s, _ := v[name].(string); return s }
	l := &login{access: text("access_token"), refresh: text("refresh_token"), idToken: text("id_token")}
	if l.access == "" || !strings.EqualFold(text("token_type"), "Bearer") || v["expires_in"].(float64) < 1 {
		p.t.Fatalf("token endpoint: %v", v)
	}
	l.claims = p.verify(l, nonce)
	return l
}

// verify checks the ID token as a party must (section 3.1.3.7), with a library that
// is not the server's.
func (p *party) verify(l *login, nonce string) map[string]any {
	p.t.Helper()
	ctx := gooidc.ClientContext(context.Background(), &http.Client{Transport: transport})
	provider, err := gooidc.NewProvider(ctx, issuer)
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := provider.Verifier(&gooidc.Config{ClientID: p.id, SupportedSigningAlgs: []string{"RS256"}}).Verify(ctx, l.idToken)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := token.VerifyAccessToken(l.access); err != nil {
		p.t.Error(err)
	}
	if token.Nonce != nonce {
		p.t.Errorf("nonce %q; want %q", token.Nonce, nonce)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		p.t.Fatal(err)
	}
	now := float64(time.Now().Unix())
	iat, _ := claims["iat"].(float64)
	if sub, _ := claims["sub"].(string); sub == "" || len(sub) > 255 || claims["aud"] != p.id || iat < now-300 || iat > now+1 {
		p.t.Errorf("ID token %v", claims)
	}
	return claims
}

// userinfo is the answer to a GET with the access token in the header.
func (p *party) userinfo(l *login) map[string]any {
	p.t.Helper()
	return p.person(p.send("GET", issuer+"/o/userinfo", nil, "Authorization", "Bearer "+l.access), l)
}

// person is what a userinfo answer says, of whom the ID token says it (section
// 5.3.2).
func (p *party) person(a *page, l *login) map[string]any {
	p.t.Helper()
	v := a.json(p.t)
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" || v["sub"] != l.claims["sub"] {
		p.t.Fatalf("userinfo: %s %v", a.Status, v)
	}
	return v
}

// discovered is the server's metadata.
func (p *party) discovered() map[string]any {
	p.t.Helper()
	return p.send("GET", issuer+"/.well-known/openid-configuration", nil).json(p.t)
}

// sameAgain fails unless both logins are of one person and one sign-in.
func (p *party) sameAgain(first, second *login) {
	p.t.Helper()
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
		if first.claims[name] != second.claims[name] || second.claims[name] == nil {
			p.t.Errorf("%s was %v and is %v", name, first.claims[name], second.claims[name])
		}
	}
}
