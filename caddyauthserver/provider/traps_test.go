package provider_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// The known traps of go-oauth2, in the order of the design. Each is seen from
// outside, over HTTP.

// Errors before the redirect URI is checked must not redirect to it.
func TestTrapOpenRedirectBeforeCheck(t *testing.T) {
	s := newServer(t)
	for name, q := range map[string]url.Values{
		"unknown client":                authQuery("nobody", "https://evil.example.net/"),
		"no client":                     authQuery("", "https://evil.example.net/"),
		"disabled client":               authQuery("off", "https://off.example.com/cb"),
		"unregistered":                  authQuery("app", "https://evil.example.net/"),
		"unregistered and other errors": authQuery("app", "https://evil.example.net/", "response_type", "token", "scope", "nonsense"),
		"missing":                       authQuery("app", "", "redirect_uri", ""),
		"two":                           {"client_id": {"app"}, "redirect_uri": {appRedirect, "https://evil.example.net/"}, "response_type": {"code"}},
		"two clients":                   {"client_id": {"app", "spa"}, "redirect_uri": {appRedirect}, "response_type": {"code"}},
	} {
		a := s.browser().authorize(q)
		if a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, a.StatusCode, a.Header.Get("Location"))
		}
		if strings.Contains(a.body, `href="https://evil`) {
			t.Errorf("%s: the page links there", name)
		}
	}
}

// The default check is a suffix match of the host.
func TestTrapRedirectHostSuffix(t *testing.T) {
	s := newServer(t)
	for _, uri := range []string{
		"https://evilapp.example.com/cb?keep=1",
		"https://sub.app.example.com/cb?keep=1",
		"http://app.example.com/cb?keep=1",
		"https://app.example.com/cb",
		"https://app.example.com/cb?keep=1&more=1",
		"https://app.example.com/cb?keep=1#frag",
		"https://app.example.com/cb/../cb?keep=1",
		"https://APP.example.com/cb?keep=1",
		"https://app.example.com:443/cb?keep=1",
		"https://app.example.com\\@evil.example.net/cb?keep=1",
		"https://app.example.com/cb?keep=1 ",
		"https://app.example.com/cb?keep=1\x00",
	} {
		if a := s.browser().authorize(authQuery("app", uri)); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%q: %d to %q", uri, a.StatusCode, a.Header.Get("Location"))
		}
	}
}

// FormValue merges the query into the body.
func TestTrapTokenParametersInQuery(t *testing.T) {
	s := newServer(t)
	form := codeForm(s.browser().code(authQuery("app", appRedirect)), appRedirect)
	whole := form.Encode()
	b := s.browser()
	req := b.request("POST", "/o/token?"+whole, url.Values{})
	req.Header.Set("Authorization", as("app", appSecret))
	wantError(t, b.do(req), 400, "invalid_request")
	// The code was not touched by it.
	if a := s.token(as("app", appSecret), form); a.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
}

// FormValue takes the first of duplicates.
func TestTrapTokenDuplicateParameters(t *testing.T) {
	s := newServer(t)
	good := codeForm(s.browser().code(authQuery("app", appRedirect)), appRedirect)
	for name := range good {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form[name] = append(slices.Clone(good[name]), good.Get(name))
		wantError(t, s.token(as("app", appSecret), form), 400, "invalid_request")
	}
	good["unheard-of"] = []string{"1", "2"}
	wantError(t, s.token(as("app", appSecret), good), 400, "invalid_request")
}

// Only POST, only a form, only so large.
func TestTrapTokenBody(t *testing.T) {
	s := newServer(t)
	for _, method := range []string{"GET", "PUT", "HEAD"} {
		if a := s.call(method, "/o/token?grant_type=authorization_code", as("app", appSecret), nil); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d", method, a.StatusCode)
		}
	}
	b := s.browser()
	for _, typ := range []string{"", "application/json", "multipart/form-data; boundary=x", "text/plain"} {
		req := b.request("POST", "/o/token", codeForm("x", appRedirect))
		req.Header.Set("Content-Type", typ)
		wantError(t, b.do(req), 400, "invalid_request")
	}
	req := b.request("POST", "/o/token", codeForm("x", appRedirect))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.Set("Authorization", as("app", appSecret))
	wantError(t, b.do(req), 400, "invalid_grant")
	wantError(t, s.token(as("app", appSecret), codeForm(strings.Repeat("x", 64<<10), appRedirect)), 413, "invalid_request")
	req, _ = http.NewRequest("POST", s.url+"/o/token", bytes.NewReader([]byte("grant_type=%zz&a;b")))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	wantError(t, b.do(req), 400, "invalid_request")
}

// The default allows the implicit grant.
func TestTrapImplicitGrant(t *testing.T) {
	s := newServer(t)
	for _, typ := range []string{"token", "id_token", "code token", "code id_token", "none", "__implicit"} {
		u := s.browser().authorize(authQuery("app", appRedirect, "response_type", typ)).location()
		if u.Host != "app.example.com" || u.Query().Get("error") != "unsupported_response_type" || u.Query().Get("access_token") != "" || u.Fragment != "" {
			t.Errorf("%s: %s", typ, u)
		}
	}
}

// The default allows the password grant, and a grant type of its own.
func TestTrapPasswordGrant(t *testing.T) {
	s := newServer(t)
	for _, grant := range []string{"password", "__implicit", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "Authorization_Code"} {
		wantError(t, s.token(as("app", appSecret), url.Values{"grant_type": {grant}, "username": {"alice"}, "password": {alicePassword}, "scope": {"openid"}}),
			400, "unsupported_grant_type")
	}
	wantError(t, s.token(as("app", appSecret), url.Values{"username": {"alice"}}), 400, "invalid_request")
}

// The default allows plain PKCE, also by leaving the method out.
func TestTrapPlainPKCE(t *testing.T) {
	s := newServer(t)
	for name, q := range map[string]url.Values{
		"plain":     authQuery("app", appRedirect, "code_challenge_method", "plain"),
		"unnamed":   authQuery("app", appRedirect, "code_challenge_method", ""),
		"lowercase": authQuery("app", appRedirect, "code_challenge_method", "s256"),
		"short":     authQuery("app", appRedirect, "code_challenge", "abc"),
		"padded":    authQuery("app", appRedirect, "code_challenge", challengeOf(verifier)+"="),
		"grammar":   authQuery("app", appRedirect, "code_challenge", strings.Repeat("+", 43)),
	} {
		if u := s.browser().authorize(q).location(); u.Query().Get("error") != "invalid_request" || u.Query().Get("state") != "st&te" {
			t.Errorf("%s: %s", name, u)
		}
	}
}

// PKCE is required, except of a confidential client that opted out; and a code
// without challenge takes no verifier (a stripped challenge).
func TestTrapPKCERequired(t *testing.T) {
	s := newServer(t)
	for _, c := range [][2]string{{"app", appRedirect}, {"spa", spaRedirect}} {
		u := s.browser().authorize(authQuery(c[0], c[1], "code_challenge", "", "code_challenge_method", "")).location()
		if u.Query().Get("error") != "invalid_request" {
			t.Errorf("%s: %s", c[0], u)
		}
	}
	const uri = "https://nopkce.example.com/cb"
	without := authQuery("nopkce", uri, "code_challenge", "", "code_challenge_method", "")
	wantError(t, s.token(as("nopkce", "nopkce-secret"), codeForm(s.browser().code(without), uri)), 400, "invalid_grant")
	if a := s.token(as("nopkce", "nopkce-secret"), codeForm(s.browser().code(without), uri, "code_verifier", "")); a.StatusCode != http.StatusOK {
		t.Errorf("opted out: %d %s", a.StatusCode, a.body)
	}
	// Opting out does not mean that a challenge is ignored.
	wantError(t, s.token(as("nopkce", "nopkce-secret"), codeForm(s.browser().code(authQuery("nopkce", uri)), uri, "code_verifier", "")), 400, "invalid_request")
}

// A wrong, missing or malformed verifier redeems nothing.
func TestTrapVerifier(t *testing.T) {
	s := newServer(t)
	form := codeForm(s.browser().code(authQuery("spa", spaRedirect)), spaRedirect, "client_id", "spa")
	for v, code := range map[string]string{
		strings.Repeat("x", 43):             "invalid_grant",
		"":                                  "invalid_request",
		"short":                             "invalid_request",
		strings.Repeat("x", 129):            "invalid_request",
		challengeOf(verifier):               "invalid_grant",
		strings.Repeat("é", 43):             "invalid_request",
		verifier[:43] + " " + verifier[43:]: "invalid_request",
	} {
		form.Set("code_verifier", v)
		wantError(t, s.token("", form), 400, code)
	}
	form.Set("code_verifier", verifier)
	if a := s.token("", form); a.StatusCode != http.StatusOK {
		t.Errorf("the right one afterwards: %d %s", a.StatusCode, a.body)
	}
}

// parallel sends the same request 64 times at once and counts the successes.
func parallel(s *server, authorization string, form url.Values) (ok int, access []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 64 {
		wg.Go(func() {
			<-start
			a := s.token(authorization, form)
			mu.Lock()
			defer mu.Unlock()
			if a.StatusCode == http.StatusOK {
				ok++
				access = append(access, a.decode(s.t)["access_token"].(string))
			} else {
				wantError(s.t, a, 400, "invalid_grant")
			}
		})
	}
	close(start)
	wg.Wait()
	return ok, access
}

// Redemption of a code is read, then delete.
func TestTrapParallelCodeRedemption(t *testing.T) {
	s := newServer(t)
	form := codeForm(s.browser().code(authQuery("app", appRedirect)), appRedirect)
	ok, access := parallel(s, as("app", appSecret), form)
	if ok != 1 {
		t.Fatalf("%d of 64 redeemed the code", ok)
	}
	// The other 63 are replays: what the code bought is gone.
	if a := s.call("GET", "/o/userinfo", "Bearer "+access[0], nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("what a replayed code bought still works: %d", a.StatusCode)
	}
}

// So is refresh rotation.
func TestTrapParallelRefresh(t *testing.T) {
	s := newServer(t, noGrace)
	tok := s.browser().tokens("openid")
	ok, access := parallel(s, as("app", appSecret), refreshForm(tok.refresh))
	if ok != 1 {
		t.Fatalf("%d of 64 refreshed", ok)
	}
	for _, token := range append(access, tok.access) {
		if a := s.call("GET", "/o/userinfo", "Bearer "+token, nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("after a replay: %d", a.StatusCode)
		}
	}
}

// A replay revokes what the code bought, also after a restart, and also what
// was refreshed since.
func TestTrapReplayKillsFamilyAfterRestart(t *testing.T) {
	s := newServer(t)
	form := codeForm(s.browser().code(authQuery("app", appRedirect)), appRedirect)
	first := tokensOf(t, s.token(as("app", appSecret), form))
	second := tokensOf(t, s.token(as("app", appSecret), refreshForm(first.refresh)))
	s.close()
	s.open()
	if a := s.call("GET", "/o/userinfo", "Bearer "+second.access, nil); a.StatusCode != http.StatusOK {
		t.Fatalf("a restart lost the token: %d", a.StatusCode)
	}
	s.clock.add(24 * time.Hour) // long after the code expired
	second = tokensOf(t, s.token(as("app", appSecret), refreshForm(second.refresh)))
	wantError(t, s.token(as("app", appSecret), form), 400, "invalid_grant")
	if a := s.call("GET", "/o/userinfo", "Bearer "+second.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("access token after the replay: %d", a.StatusCode)
	}
	wantError(t, s.token(as("app", appSecret), refreshForm(second.refresh)), 400, "invalid_grant")
}

func TestTrapRefreshReuseKillsFamilyAfterRestart(t *testing.T) {
	s := newServer(t, noGrace)
	first := s.browser().tokens("openid")
	second := tokensOf(t, s.token(as("app", appSecret), refreshForm(first.refresh)))
	s.close()
	s.open(noGrace)
	wantError(t, s.token(as("app", appSecret), refreshForm(first.refresh)), 400, "invalid_grant")
	wantError(t, s.token(as("app", appSecret), refreshForm(second.refresh)), 400, "invalid_grant")
}

// Refresh authenticates no client.
func TestTrapRefreshWithoutClient(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid")
	wantError(t, s.token("", refreshForm(tok.refresh)), 401, "invalid_client")
	wantError(t, s.token("", refreshForm(tok.refresh, "client_id", "app")), 401, "invalid_client")
	wantError(t, s.token(as("app", "wrong"), refreshForm(tok.refresh)), 401, "invalid_client")
}

// Refresh is bound to no client; nor may another's attempt spend the token.
func TestTrapRefreshOfAnotherClient(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid")
	wantError(t, s.token(as("gate", "gate-secret"), refreshForm(tok.refresh)), 400, "invalid_grant")
	wantError(t, s.token("", refreshForm(tok.refresh, "client_id", "spa")), 400, "invalid_grant")
	if a := s.token(as("app", appSecret), refreshForm(tok.refresh)); a.StatusCode != http.StatusOK {
		t.Errorf("its own client afterwards: %d %s", a.StatusCode, a.body)
	}
}

// A code of another client, or for another redirect URI.
func TestTrapCodeBinding(t *testing.T) {
	s := newServer(t)
	form := codeForm(s.browser().code(authQuery("app", appRedirect)), appRedirect)
	wantError(t, s.token(as("gate", "gate-secret"), form), 400, "invalid_grant")
	for _, uri := range []string{"https://app.example.com/other", "https://app.example.com/cb", "https://evil.example.net", ""} {
		form.Set("redirect_uri", uri)
		wantError(t, s.token(as("app", appSecret), form), 400, "invalid_grant")
	}
	form.Del("redirect_uri")
	wantError(t, s.token(as("app", appSecret), form), 400, "invalid_grant")
	form.Set("redirect_uri", appRedirect)
	if a := s.token(as("app", appSecret), form); a.StatusCode != http.StatusOK {
		t.Errorf("the right one afterwards: %d %s", a.StatusCode, a.body)
	}
}

// Refresh can widen the scope.
func TestTrapRefreshWidensScope(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid email")
	wantError(t, s.token(as("app", appSecret), refreshForm(tok.refresh, "scope", "openid email groups")), 400, "invalid_scope")
	wantError(t, s.token(as("app", appSecret), refreshForm(tok.refresh, "scope", "read")), 400, "invalid_scope")
	a := s.token(as("app", appSecret), refreshForm(tok.refresh, "scope", "openid"))
	narrow := tokensOf(t, a)
	if a.decode(t)["scope"] != "openid" {
		t.Errorf("scope %v", a.decode(t)["scope"])
	}
	if info := s.call("GET", "/o/userinfo", "Bearer "+narrow.access, nil).decode(t); info["email"] != nil {
		t.Errorf("a narrowed token tells %v", info)
	}
	// Narrowing is of the access token alone (RFC 6749 section 6).
	if a := s.token(as("app", appSecret), refreshForm(narrow.refresh)); a.decode(t)["scope"] != "openid email" {
		t.Errorf("the next refresh: %s", a.body)
	}
}

// Refresh never looks at the user again.
func TestTrapRefreshOfDisabledUser(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid")
	code := s.browser().code(authQuery("app", appRedirect))
	s.editUser(1, func(u *store.User) { u.IsActive = false })
	wantError(t, s.token(as("app", appSecret), refreshForm(tok.refresh)), 400, "invalid_grant")
	wantError(t, s.token(as("app", appSecret), codeForm(code, appRedirect)), 400, "invalid_grant")
	if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo of a disabled user: %d", a.StatusCode)
	}
}

// Nor at the client.
func TestTrapRefreshOfChangedClient(t *testing.T) {
	s := newServer(t)
	tok := s.browser().tokens("openid email")
	edit := func(edit func(*store.Client)) {
		s.update(func(tx store.WriteTx) error {
			c, err := tx.Client("app")
			if err != nil {
				return err
			}
			edit(c)
			return tx.PutClient(c)
		})
	}
	edit(func(c *store.Client) { c.Scopes = []string{"openid"} })
	a := s.token(as("app", appSecret), refreshForm(tok.refresh))
	next := tokensOf(t, a)
	if a.decode(t)["scope"] != "openid" {
		t.Errorf("scope taken from the client is still granted: %s", a.body)
	}
	edit(func(c *store.Client) { c.Disabled = true })
	wantError(t, s.token(as("app", appSecret), refreshForm(next.refresh)), 401, "invalid_client")
	if a := s.call("GET", "/o/userinfo", "Bearer "+next.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo for a disabled client: %d", a.StatusCode)
	}
}

// An empty stored secret accepts any.
func TestTrapEmptySecret(t *testing.T) {
	s := newServer(t)
	for _, secret := range []string{"", "x"} {
		wantError(t, s.token(as("nosecret", secret), codeForm("x", "https://nosecret.example.com/cb")), 401, "invalid_client")
	}
	wantError(t, s.token("", codeForm("x", "https://nosecret.example.com/cb", "client_id", "nosecret")), 401, "invalid_client")
	wantError(t, s.token("", url.Values{"grant_type": {"refresh_token"}, "client_id": {"nosecret"}, "client_secret": {""}}), 401, "invalid_client")
}

// Secrets are accepted from the URL.
func TestTrapSecretInURL(t *testing.T) {
	s := newServer(t)
	q := url.Values{"client_id": {"app"}, "client_secret": {appSecret}}.Encode()
	wantError(t, s.call("POST", "/o/token?"+q, "", codeForm("x", appRedirect)), 401, "invalid_client")
	wantError(t, s.call("POST", "/o/revoke?"+q, "", url.Values{"token": {"x"}}), 401, "invalid_client")
}

// Basic is not form-decoded.
func TestTrapBasicIsFormEncoded(t *testing.T) {
	s := newServer(t)
	wantError(t, s.token(as("app", appSecret), codeForm("x", appRedirect)), 400, "invalid_grant") // past authentication
	raw := "Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+appSecret))
	wantError(t, s.token(raw, codeForm("x", appRedirect)), 401, "invalid_client")
	wantError(t, s.token("", codeForm("x", appRedirect, "client_id", "app", "client_secret", appSecret)), 400, "invalid_grant")
}

// Wrong statuses and no WWW-Authenticate.
func TestTrapStatuses(t *testing.T) {
	s := newServer(t)
	for _, authorization := range []string{as("nobody", "x"), as("app", "wrong"), as("off", "x"), "Bearer x", "Basic !!!", "Basic"} {
		a := s.token(authorization, codeForm("x", appRedirect))
		wantError(t, a, 401, "invalid_client")
		if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic realm=") {
			t.Errorf("%q: WWW-Authenticate %q", authorization, a.Header.Get("WWW-Authenticate"))
		}
	}
	for _, form := range []url.Values{codeForm("x", appRedirect), refreshForm("x")} {
		a := s.token(as("app", appSecret), form)
		wantError(t, a, 400, "invalid_grant")
		if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", a.Header)
		}
	}
}

// Default tokens carry 122 bits.
func TestTrapTokenEntropy(t *testing.T) {
	s := newServer(t)
	code := s.browser().code(authQuery("app", appRedirect))
	tok := tokensOf(t, s.token(as("app", appSecret), codeForm(code, appRedirect)))
	for _, secret := range []string{code, tok.access, tok.refresh} {
		b, err := base64.RawURLEncoding.DecodeString(secret)
		if err != nil || len(b) != 32 {
			t.Errorf("%q is not 32 bytes", secret)
		}
	}
	if tok.access == tok.refresh || tok.access == code {
		t.Error("the same secret twice")
	}
	err := s.store.View(context.Background(), func(tx store.ReadTx) error {
		_, err := tx.Token(store.KindAccess, store.HashOf(tok.access))
		return err
	})
	if err != nil {
		t.Errorf("not kept by its hash: %v", err)
	}
}

// The token request can overwrite what was granted.
func TestTrapTokenRequestOverwritesGrant(t *testing.T) {
	s := newServer(t)
	code := s.browser().code(authQuery("app", appRedirect, "scope", "openid"))
	a := s.token(as("app", appSecret), codeForm(code, appRedirect, "scope", "openid read groups", "nonce", "other",
		"user_id", "2", "sub", "2", "expires_in", "999999", "access_token_exp", "999999"))
	tok := tokensOf(t, a)
	if v := a.decode(t); v["scope"] != "openid" || v["expires_in"] != float64(600) {
		t.Errorf("overwritten: %v", v)
	}
	if c := claimsOf(t, tok.id); c["nonce"] != "n0nce" || c["sub"] != "1" {
		t.Errorf("overwritten: %v", c)
	}
	if a := s.call("GET", "/o/profile", "Bearer "+tok.access, nil); a.StatusCode != http.StatusForbidden {
		t.Errorf("profile without scope read: %d", a.StatusCode)
	}
}
