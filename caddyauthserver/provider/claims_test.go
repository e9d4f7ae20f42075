package provider_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// detailed is a schema in which users have fields that claims are read of.
func detailed(c *provider.Config) {
	c.Schema = store.DefaultSchema()
	for name, typ := range map[string]store.FieldType{
		"phone": store.Text, "address": store.Text, "birthdate": store.Date, "picture": store.URL, "locale": store.Choice,
		"zoneinfo": store.Integer, // not what that claim is
	} {
		f := store.Field{Name: name, Type: typ}
		if typ == store.Choice {
			f.Choices = []string{"en", "de"}
		}
		c.Schema.User = append(c.Schema.User, f)
	}
	c.Schema.User = append(c.Schema.User, store.Field{Name: "nickname", Type: store.Text, Private: true})
}

// detail gives alice values for those fields.
func (s *server) detail() {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		schema := s.p.Schema
		for name, text := range map[string]string{
			"phone": "+43 1 234", "address": "Karlsplatz 1, Wien", "birthdate": "1852-05-04", "picture": "https://example.com/a.png",
			"locale": "en", "zoneinfo": "7", "nickname": "Al",
		} {
			if err := u.Set(schema, name, text); err != nil {
				return err
			}
		}
		return store.SaveUser(tx, schema, u)
	})
}

func (s *server) userinfo(access string) map[string]any {
	s.t.Helper()
	a := s.call("GET", "/o/userinfo", "Bearer "+access, nil)
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("userinfo: %d %s", a.StatusCode, a.body)
	}
	return a.decode(s.t)
}

// names are those of the claims in v, sorted.
func names(v map[string]any) string {
	return strings.Join(slices.Sorted(maps.Keys(v)), " ")
}

// Each scope gives its claims, of fields only where users have such fields and the
// client is told of them (OpenID Connect Core section 5.4).
func TestScopeClaims(t *testing.T) {
	s := newServer(t, detailed)
	s.detail()
	for scope, want := range map[string]string{
		"openid":         "sub",
		"openid profile": "birthdate family_name given_name locale name picture preferred_username sub",
		"openid email":   "email email_verified sub",
		"openid phone":   "phone_number phone_number_verified sub",
		"openid address": "address sub",
		"openid groups":  "groups sub",
	} {
		v := s.userinfo(s.browser().tokens(scope).access)
		if names(v) != want {
			t.Errorf("%s gives %s", scope, names(v))
		}
	}
	v := s.userinfo(s.browser().tokens("openid profile phone address").access)
	if v["phone_number"] != "+43 1 234" || v["phone_number_verified"] != false || v["birthdate"] != "1852-05-04" ||
		fmt.Sprint(v["address"]) != "map[formatted:Karlsplatz 1, Wien]" {
		t.Errorf("%v", v)
	}
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client("app")
		if err != nil {
			return err
		}
		c.Fields = []string{"phone"}
		return tx.PutClient(c)
	})
	if v := s.userinfo(s.browser().tokens("openid phone address").access); names(v) != "phone_number phone_number_verified sub" {
		t.Errorf("beyond the client's list: %v", v)
	}
	has := fmt.Sprint(s.call("GET", "/.well-known/openid-configuration", "", nil).decode(t)["claims_supported"])
	if !strings.Contains(has, "phone_number") || !strings.Contains(has, "birthdate") || strings.Contains(has, "zoneinfo") || strings.Contains(has, "website") {
		t.Errorf("claims_supported: %s", has)
	}
	if v := newServer(t).call("GET", "/.well-known/openid-configuration", "", nil).decode(t); strings.Contains(fmt.Sprint(v["claims_supported"]), "phone") {
		t.Errorf("without such fields: %v", v)
	}
}

func (b *browser) claimTokens(client, secret, uri, scope, claims string) tokens {
	b.t.Helper()
	code := b.code(authQuery(client, uri, "scope", scope, "claims", claims))
	return tokensOf(b.t, b.token(as(client, secret), codeForm(code, uri)))
}

// OpenID Connect Core section 5.5: single claims, each where it was asked for.
func TestClaimsParameter(t *testing.T) {
	s := newServer(t, detailed)
	s.detail()
	for _, c := range []struct{ scope, claims, userinfo, idToken string }{
		{"openid", `{"userinfo":{"email":null,"name":{"essential":true}}}`, "email name sub", ""},
		{"openid", `{"id_token":{"email":{"essential":true},"phone_number":null,"auth_time":{"essential":true}}}`, "sub", "email phone_number"},
		{"openid email", `{"id_token":{"email":null},"userinfo":{"email":null,"given_name":{"value":"Bob"}}}`, "email email_verified given_name sub", "email"},
		{"openid", `{"userinfo":{"nickname":{"essential":true},"is_superuser":null,"password":null,"https://example.com/x":null}}`, "sub", ""},
		{"openid", `{"userinfo":null,"other":[1],"id_token":{"name":{"unheard":{"of":1}}}}`, "sub", "name"},
		{"openid", `{}`, "sub", ""},
		{"openid", `{"userinfo":{"iss":null,"exp":null,"aud":{"value":"x"}},"id_token":{"nonce":{"value":"other"},"iss":{"value":"https://evil.example.net"}}}`, "sub", ""},
	} {
		tok := s.browser().claimTokens("app", appSecret, appRedirect, c.scope, c.claims)
		if got := names(s.userinfo(tok.access)); got != c.userinfo {
			t.Errorf("%s: userinfo has %s", c.claims, got)
		}
		id := claimsOf(t, tok.id)
		for _, always := range []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "acr", "amr"} {
			if id[always] == nil {
				t.Errorf("%s: no %s in the ID token", c.claims, always)
			}
			delete(id, always)
		}
		if names(id) != c.idToken {
			t.Errorf("%s: the ID token has %s", c.claims, names(id))
		}
	}
	tok := s.browser().claimTokens("app", appSecret, appRedirect, "openid", `{"id_token":{"nonce":{"value":"other"},"iss":{"value":"https://evil.example.net"},"address":null}}`)
	if id := claimsOf(t, tok.id); id["nonce"] != "n0nce" || id["iss"] != s.issuer || fmt.Sprint(id["address"]) != "map[formatted:Karlsplatz 1, Wien]" {
		t.Errorf("%v", id)
	}
	// An ID token with more in it is as good a hint.
	if a := s.browser().logout("id_token_hint", tok.id, "post_logout_redirect_uri", appLoggedOut); a.Header.Get("Location") != appLoggedOut {
		t.Errorf("as a hint it leads to %d %s", a.StatusCode, a.Header.Get("Location"))
	}
}

// Claims are for who may ask for the scope that covers them, now and later.
func TestClaimsKeepToTheClientsScopes(t *testing.T) {
	s := newServer(t)
	const uri = "https://narrow.example.com/cb" // openid and email
	all := `{"userinfo":{"name":null,"email":null,"groups":{"essential":true}},"id_token":{"name":null,"email":null}}`
	tok := s.browser().claimTokens("narrow", "narrow-secret", uri, "openid", all)
	if got := names(s.userinfo(tok.access)); got != "email sub" {
		t.Errorf("userinfo has %s", got)
	}
	if id := claimsOf(t, tok.id); id["email"] != "alice@example.com" || id["name"] != nil {
		t.Errorf("the ID token has %v", id)
	}
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client("narrow")
		if err != nil {
			return err
		}
		c.Scopes = []string{"openid"}
		return tx.PutClient(c)
	})
	if got := names(s.userinfo(tok.access)); got != "sub" {
		t.Errorf("after the scope was taken from the client, userinfo has %s", got)
	}
	tok = tokensOf(t, s.token(as("narrow", "narrow-secret"), refreshForm(tok.refresh)))
	if id := claimsOf(t, tok.id); id["email"] != nil {
		t.Errorf("and a refreshed ID token %v", id)
	}
}

// A single claim needs the person's yes to what covers it, as the scope would.
func TestConsentToClaims(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	b.code(authQuery("app", appRedirect, "scope", "openid"))
	for _, member := range []string{"userinfo", "id_token"} {
		q := authQuery("app", appRedirect, "scope", "openid", "claims", `{"`+member+`":{"email":null}}`)
		q.Set("prompt", "none")
		if u := b.authorize(q).location(); u.Query().Get("error") != "consent_required" {
			t.Errorf("%s: without a yes: %s", member, u)
		}
	}
	q := authQuery("app", appRedirect, "scope", "openid", "claims", `{"id_token":{"email":null}}`)
	page := b.get(b.authorize(q).Header.Get("Location"))
	if !strings.Contains(page.body, "e-mail address") || strings.Contains(page.body, "your name") {
		t.Errorf("the page says %s", page.body)
	}
	tok := tokensOf(t, s.token(as("app", appSecret), codeForm(b.code(q), appRedirect)))
	if names(s.userinfo(tok.access)) != "sub" || claimsOf(t, tok.id)["email"] == nil {
		t.Error("the yes to one claim gave more, or not that one")
	}
	if u := b.authorize(q).location(); u.Query().Get("code") == "" {
		t.Errorf("asked again: %s", u)
	}
	// For what the client may not know anyway, nobody is asked.
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "small", ClientSettings: store.ClientSettings{Public: true, Scopes: []string{"openid", "email"}, RedirectURIs: []string{"https://small.example.com/cb"}}})
	})
	q = authQuery("small", "https://small.example.com/cb", "scope", "openid", "claims", `{"userinfo":{"name":null,"email":null,"groups":null}}`)
	page = b.get(b.authorize(q).Header.Get("Location"))
	if !strings.Contains(page.body, "e-mail address") || strings.Contains(page.body, "your name") || strings.Contains(page.body, "which groups") {
		t.Errorf("the page says %s", page.body)
	}
}

// Claims last as the grant does, and a token of fewer scopes has none.
func TestClaimsAfterRefresh(t *testing.T) {
	s := newServer(t)
	tok := s.browser().claimTokens("app", appSecret, appRedirect, "openid profile", `{"userinfo":{"email":null},"id_token":{"groups":null}}`)
	before := claimsOf(t, tok.id)
	s.clock.add(time.Minute)
	tok = tokensOf(t, s.token(as("app", appSecret), refreshForm(tok.refresh)))
	after := claimsOf(t, tok.id)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid", "acr", "amr", "groups"} {
		if fmt.Sprint(before[name]) != fmt.Sprint(after[name]) || after[name] == nil {
			t.Errorf("%s was %v and is %v", name, before[name], after[name])
		}
	}
	if after["nonce"] != nil || after["iat"] == before["iat"] || s.userinfo(tok.access)["email"] == nil {
		t.Errorf("%v", after)
	}
	tok = tokensOf(t, s.token(as("app", appSecret), refreshForm(tok.refresh, "scope", "openid")))
	if names(s.userinfo(tok.access)) != "sub" || claimsOf(t, tok.id)["groups"] != nil {
		t.Errorf("narrowed: %v %v", s.userinfo(tok.access), claimsOf(t, tok.id))
	}
}

// OpenID Connect Core section 5.5.1: only who the client means is answered for.
func TestClaimsSub(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	for claims, want := range map[string]string{
		`{"id_token":{"sub":{"value":"1"}}}`:                                       "code",
		`{"userinfo":{"sub":{"values":["7","1"]}}}`:                                "code",
		`{"id_token":{"sub":null}}`:                                                "code",
		`{"id_token":{"sub":{"essential":true}}}`:                                  "code",
		`{"id_token":{"sub":{"value":"2"}}}`:                                       "login_required",
		`{"userinfo":{"sub":{"value":"2"}}}`:                                       "login_required",
		`{"id_token":{"sub":{"value":1}}}`:                                         "login_required",
		`{"id_token":{"sub":{"value":null}}}`:                                      "login_required",
		`{"id_token":{"sub":{"value":""}}}`:                                        "login_required",
		`{"id_token":{"sub":{"value":"01"}}}`:                                      "login_required",
		`{"id_token":{"sub":{"value":"1"}},"userinfo":{"sub":{"values":["2"]}}}`:   "login_required",
		`{"userinfo":{"sub":{"value":"1"}},"id_token":{"sub":{"values":["2",1]}}}`: "login_required",
	} {
		q := b.authorize(authQuery("gate", wikiRedirect, "prompt", "none", "claims", claims)).location().Query()
		if got := q.Get("error"); got != want && (want != "code" || q.Get("code") == "") {
			t.Errorf("%s: %v", claims, q)
		}
	}
	// bob signs in instead.
	a := b.authorize(authQuery("gate", wikiRedirect, "claims", `{"id_token":{"sub":{"value":"2"}}}`))
	if a.location().Path != "/o/login" {
		t.Fatalf("led to %s", a.location())
	}
	s.clock.add(time.Second)
	u := b.get(b.login(a, "bob", "bob's password").Header.Get("Location")).location()
	if u.Query().Get("code") == "" {
		t.Fatalf("bob: %s", u)
	}
	// And with a hint that means somebody else, nobody is right.
	hint := s.browser().tokens("openid").id
	if u := b.authorize(authQuery("gate", wikiRedirect, "prompt", "none", "id_token_hint", hint, "claims", `{"id_token":{"sub":{"value":"2"}}}`)).location(); u.Query().Get("error") != "login_required" {
		t.Errorf("hint and claim of two people: %s", u)
	}
}

// OpenID Connect Core section 5.5.1.1: acr_values is a wish, an essential acr is
// not.
func TestACR(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	for claims, want := range map[string]string{
		`{"id_token":{"acr":{"essential":true,"value":"1"}}}`:                 "code",
		`{"id_token":{"acr":{"essential":true,"values":["2","1"]}}}`:          "code",
		`{"id_token":{"acr":{"essential":true}}}`:                             "code",
		`{"id_token":{"acr":{"value":"2"}}}`:                                  "code",
		`{"userinfo":{"acr":{"essential":true,"value":"2"}}}`:                 "code", // it is of ID tokens
		`{"id_token":{"acr":{"essential":false,"values":["2"]}}}`:             "code",
		`{"id_token":{"acr":{"essential":true,"value":"2"}}}`:                 "interaction_required", // a second factor
		`{"id_token":{"acr":{"essential":true,"values":["2","urn:x:high"]}}}`: "interaction_required",
		`{"id_token":{"acr":{"essential":true,"value":"urn:x:high"}}}`:        "unmet_authentication_requirements",
		`{"id_token":{"acr":{"essential":true,"value":1}}}`:                   "unmet_authentication_requirements",
	} {
		for _, more := range []string{"", "1", "2 1", "urn:x:high"} {
			q := b.authorize(authQuery("gate", wikiRedirect, "prompt", "none", "claims", claims, "acr_values", more)).location().Query()
			if got := q.Get("error"); got != want && (want != "code" || q.Get("code") == "") {
				t.Errorf("%s: %v", claims, q)
			}
		}
	}
	q := authQuery("gate", wikiRedirect, "acr_values", "2")
	id := claimsOf(t, tokensOf(t, s.token(as("gate", "gate-secret"), codeForm(b.code(q), wikiRedirect))).id)
	if id["acr"] != "1" || fmt.Sprint(id["amr"]) != "[pwd]" || id["auth_time"] == nil {
		t.Errorf("said of a password: %v", id)
	}
}

// What cannot be read, or can be read in two ways, is refused and not guessed at.
func TestMalformedClaims(t *testing.T) {
	s := newServer(t)
	deep := strings.Repeat(`{"value":`, 50) + "1" + strings.Repeat("}", 50)
	for _, claims := range []string{
		`x`, `[]`, `null`, `""`, `{`, `{}x`, `{"userinfo":[]}`, `{"userinfo":"email"}`, `{"id_token":1}`, `{"userinfo":{"email":true}}`,
		`{"userinfo":{"email":"x"}}`, `{"userinfo":{"email":[]}}`, `{"userinfo":{"unheard-of":1}}`,
		`{"userinfo":{"email":{"essential":"true"}}}`, `{"userinfo":{"email":{"essential":null}}}`,
		`{"id_token":{"sub":{"value":"1","values":["1"]}}}`, `{"id_token":{"sub":{"values":"1"}}}`, `{"id_token":{"sub":{"values":[]}}}`, `{"id_token":{"sub":{"values":null}}}`,
		`{"id_token":{"sub":{"value":"1","value":"2"}}}`, `{"id_token":{"sub":{"value":"2"},"sub":{"value":"1"}}}`,
		`{"id_token":{},"id_token":{}}`, `{"userinfo":{"email":` + deep + `}}`, "{\"userinfo\":{\"\xff\":null}}",
		`{"userinfo":{` + strings.Repeat(`"`+strings.Repeat("x", 100)+`":null,`, 60) + `"email":null}}`,
	} {
		q := authQuery("app", appRedirect)
		q.Set("claims", claims)
		u := s.browser().authorize(q).location()
		if u.Query().Get("error") != "invalid_request" || u.Query().Get("state") != "st&te" {
			t.Errorf("%.100q: %s", claims, u)
		}
		q.Set("scope", "email")
		if u := s.browser().authorize(q).location(); u.Path != "/o/login" {
			t.Errorf("%.100q, of no OpenID request: %s", claims, u)
		}
	}
	// Names count as they are written.
	tok := s.browser().claimTokens("app", appSecret, appRedirect, "openid", `{"USERINFO":{"email":null},"Id_Token":{"email":null}}`)
	if names(s.userinfo(tok.access)) != "sub" || claimsOf(t, tok.id)["email"] != nil {
		t.Error("read in another case")
	}
	q := authQuery("app", appRedirect)
	q["claims"] = []string{"{}", "{}"}
	if u := s.browser().authorize(q).location(); u.Query().Get("error") != "invalid_request" {
		t.Errorf("twice: %s", u)
	}
}

// Whatever response_type is not code is said to be not supported, whatever else is
// asked.
func TestResponseTypes(t *testing.T) {
	s := newServer(t)
	for _, typ := range []string{"token", "id_token", "id_token token", "code id_token", "code token", "code id_token token", "none", "code code", "CODE", " "} {
		for _, mode := range []string{"", "query", "fragment", "form_post", "jwt"} {
			a := s.browser().authorize(authQuery("app", appRedirect, "response_type", typ, "response_mode", mode))
			got := url.Values{"error": {a.field("error")}, "state": {a.field("state")}, "iss": {a.field("iss")}}
			if mode != "form_post" {
				got = a.location().Query()
			}
			if got.Get("error") != "unsupported_response_type" || got.Get("state") != "st&te" || got.Get("iss") != s.issuer {
				t.Errorf("%s by %s: %d %v", typ, mode, a.StatusCode, got)
			}
		}
	}
}

// What only helps to draw a page changes nothing.
func TestToleratedParameters(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	for _, set := range [][]string{
		{"display", "page"}, {"display", "popup"}, {"display", "touch"}, {"display", "wap"}, {"display", "hologram"},
		{"ui_locales", "se de-AT en"}, {"claims_locales", "ja"}, {"ui_locales", "<script>"}, {"extra", "foobar"}, {"acr_values", "urn:x"},
		{"login_hint", "somebody@example.net"}, {"nonce", ""}, {"request", ""}, {"registration", ""},
	} {
		if u := b.authorize(authQuery("gate", wikiRedirect, set...)).location(); u.Query().Get("code") == "" {
			t.Errorf("%v: %s", set, u)
		}
	}
}

// What was pushed asks for claims as the query does, and is told at once what is
// wrong with them (RFC 9126 section 2.3).
func TestPushedClaims(t *testing.T) {
	s := newServer(t)
	q := authQuery("app", appRedirect, "scope", "openid", "claims", `{"userinfo":{"email":null}}`)
	tok := tokensOf(t, s.token(as("app", appSecret), codeForm(s.browser().code(s.pushed(as("app", appSecret), q)), appRedirect)))
	if got := names(s.userinfo(tok.access)); got != "email sub" {
		t.Errorf("userinfo has %s", got)
	}
	q.Set("claims", `{"userinfo":`)
	wantError(t, s.push(as("app", appSecret), q), 400, "invalid_request")
	q.Set("claims", `{"id_token":{"acr":{"essential":true,"value":"3"}}}`)
	wantError(t, s.push(as("app", appSecret), q), 400, "unmet_authentication_requirements")
}
