package oidc

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// The plan oidcc-basic-certification-test-plan.
func TestBasicOP(t *testing.T) { basicOP(t, "") }

// The plan oidcc-formpost-basic-certification-test-plan: the same, answered by
// forms.
func TestFormPostOP(t *testing.T) { basicOP(t, "form_post") }

func basicOP(t *testing.T, mode string) {
	// A login gives tokens, the ID token is as it should be, and userinfo is of the
	// same person. All of that is in signIn and userinfo.
	t.Run("oidcc-server", func(t *testing.T) {
		p := newParty(t, mode)
		p.userinfo(p.signIn())
		if !strings.HasPrefix(p.asked, "login ") {
			t.Errorf("the person was shown %q", p.asked)
		}
	})

	// A request without response_type is an error, shown or sent back.
	t.Run("oidcc-response-type-missing", func(t *testing.T) {
		if e := newParty(t, mode).refused("response_type", ""); e != "invalid_request" {
			t.Errorf("refused with %s", e)
		}
	})

	// The ID token is signed with RS256, by a key that is published and that its
	// header names.
	t.Run("oidcc-idtoken-signature", func(t *testing.T) {
		p := newParty(t, mode)
		header := jwtPart(t, p.signIn().idToken, 0)
		if header["alg"] != "RS256" || header["kid"] == nil || !strings.Contains(p.send("GET", issuer+"/o/jwks", nil).body, fmt.Sprint(header["kid"])) {
			t.Errorf("header %v", header)
		}
	})

	// Only a server that says it supports alg none may be asked for it; this one
	// does not, and does not sign so.
	t.Run("oidcc-idtoken-unsigned", func(t *testing.T) {
		p := newParty(t, mode)
		if algs := fmt.Sprint(p.discovered()["id_token_signing_alg_values_supported"]); strings.Contains(algs, "none") {
			t.Errorf("supported: %s", algs)
		}
		if unsigned := strings.HasSuffix(p.signIn().idToken, "."); unsigned {
			t.Error("not signed")
		}
	})

	// Userinfo answers a GET.
	t.Run("oidcc-userinfo-get", func(t *testing.T) {
		p := newParty(t, mode)
		p.userinfo(p.signIn())
	})

	// Userinfo answers a POST with the token in the header.
	t.Run("oidcc-userinfo-post-header", func(t *testing.T) {
		p := newParty(t, mode)
		l := p.signIn()
		p.person(p.send("POST", issuer+"/o/userinfo", nil, "Authorization", "Bearer "+l.access), l)
	})

	// Userinfo answers a POST with the token in the body.
	t.Run("oidcc-userinfo-post-body", func(t *testing.T) {
		p := newParty(t, mode)
		l := p.signIn()
		p.person(p.send("POST", issuer+"/o/userinfo", url.Values{"access_token": {l.access}}), l)
	})

	// In the code flow a nonce may be left out, and then the ID token has none.
	t.Run("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", func(t *testing.T) {
		if claims := newParty(t, mode).signIn("nonce", "").claims; claims["nonce"] != nil {
			t.Errorf("nonce %v", claims["nonce"])
		}
	})

	basicScopes(t, mode)
	basicPages(t, mode)
	basicSessions(t, mode)
	basicTolerance(t, mode)
	basicCodes(t, mode)
	basicRequests(t, mode)
}

// The claims of each scope are in userinfo, all that claims_supported has of them,
// of the types that section 5.1 says, and not in the ID token.
func basicScopes(t *testing.T, mode string) {
	const profile = "name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale"
	const email, phone, address = "email email_verified", "phone_number phone_number_verified", "address"
	gives := func(t *testing.T, scope, want string) {
		p := newParty(t, mode)
		l := p.signIn("scope", scope)
		v := p.userinfo(l)
		names := strings.Fields("sub " + want)
		slices.Sort(names)
		if got := slices.Sorted(maps.Keys(v)); !slices.Equal(got, names) {
			t.Errorf("userinfo has %v; want %v", got, names)
		}
		supported := fmt.Sprint(p.discovered()["claims_supported"])
		for _, name := range names {
			if !strings.Contains(supported, name) {
				t.Errorf("%s is not in claims_supported", name)
			}
			if name != "sub" && l.claims[name] != nil {
				t.Errorf("%s is in the ID token", name)
			}
			switch value := v[name].(type) {
			case bool:
				if !strings.HasSuffix(name, "_verified") {
					t.Errorf("%s is %v", name, value)
				}
			case map[string]any:
				if formatted, _ := value["formatted"].(string); name != "address" || formatted == "" {
					t.Errorf("%s is %v", name, value)
				}
			case string:
				if value == "" || name == "address" || strings.HasSuffix(name, "_verified") {
					t.Errorf("%s is %q", name, value)
				}
			default:
				t.Errorf("%s is %v", name, value)
			}
		}
	}
	t.Run("oidcc-scope-profile", func(t *testing.T) { gives(t, "openid profile", profile) })
	t.Run("oidcc-scope-email", func(t *testing.T) { gives(t, "openid email", email) })
	t.Run("oidcc-scope-address", func(t *testing.T) { gives(t, "openid address", address) })
	t.Run("oidcc-scope-phone", func(t *testing.T) { gives(t, "openid phone", phone) })
	t.Run("oidcc-scope-all", func(t *testing.T) {
		gives(t, "openid address email phone profile", strings.Join([]string{profile, email, phone, address}, " "))
	})
	// openid need not come first.
	t.Run("oidcc-ensure-other-scope-order-succeeds", func(t *testing.T) { gives(t, "email openid", email) })
}

// Whatever display is asked for, the page can be used.
func basicPages(t *testing.T, mode string) {
	t.Run("oidcc-display-page", func(t *testing.T) { newParty(t, mode).signIn("display", "page") })
	t.Run("oidcc-display-popup", func(t *testing.T) { newParty(t, mode).signIn("display", "popup") })
}

// How old a sign-in may be, and when the person may be asked.
func basicSessions(t *testing.T, mode string) {
	authTime := func(l *login) int64 {
		at, ok := l.claims["auth_time"].(float64)
		if !ok {
			t.Fatalf("no auth_time in %v", l.claims)
		}
		return int64(at)
	}
	signedInAnew := func(t *testing.T, p *party, first, second *login) {
		if !strings.HasPrefix(p.asked, "login ") {
			t.Errorf("the person was shown %q", p.asked)
		}
		if at := authTime(second); at <= authTime(first) || at < time.Now().Unix()-60 || second.claims["sub"] != first.claims["sub"] {
			t.Errorf("signed in at %d, then at %d", authTime(first), at)
		}
	}
	goesThrough := func(t *testing.T, second func(first *login) []string) {
		p := newParty(t, mode)
		first := p.signIn()
		p.sameAgain(first, p.signIn(second(first)...))
		if p.asked != "" {
			t.Errorf("the person was shown %q", p.asked)
		}
	}

	// The second time the person must sign in anew, and auth_time says so.
	t.Run("oidcc-prompt-login", func(t *testing.T) {
		p := newParty(t, mode)
		first := p.signIn()
		waitUntil(authTime(first) + 1)
		signedInAnew(t, p, first, p.signIn("prompt", "login"))
	})

	// Nobody is signed in, and nothing may be shown.
	t.Run("oidcc-prompt-none-not-logged-in", func(t *testing.T) {
		p := newParty(t, mode)
		if e := p.refused("prompt", "none"); e != "login_required" || p.asked != "" {
			t.Errorf("refused with %s; shown %q", e, p.asked)
		}
	})

	// Who is signed in goes through without a page, as the same sign-in.
	t.Run("oidcc-prompt-none-logged-in", func(t *testing.T) {
		goesThrough(t, func(*login) []string { return []string{"prompt", "none"} })
	})

	// Two seconds after a sign-in, max_age=1 asks for another.
	t.Run("oidcc-max-age-1", func(t *testing.T) {
		p := newParty(t, mode)
		first := p.signIn()
		waitUntil(authTime(first) + 2)
		signedInAnew(t, p, first, p.signIn("max_age", "1"))
	})

	// A sign-in that is young enough is left as it is.
	t.Run("oidcc-max-age-10000", func(t *testing.T) {
		goesThrough(t, func(*login) []string { return []string{"max_age", "10000"} })
	})

	// With the ID token of the person who is signed in, nothing need be asked.
	t.Run("oidcc-id-token-hint", func(t *testing.T) {
		goesThrough(t, func(first *login) []string { return []string{"prompt", "none", "id_token_hint", first.idToken} })
	})
}

// What only helps, or is not known, stands in nobody's way.
func basicTolerance(t *testing.T, mode string) {
	t.Run("oidcc-ensure-request-with-unknown-parameter-succeeds", func(t *testing.T) { newParty(t, mode).signIn("extra", "foobar") })

	// The name is filled in already.
	t.Run("oidcc-login-hint", func(t *testing.T) {
		p := newParty(t, mode)
		p.signIn("login_hint", "buffy@example.com")
		if p.username != "buffy@example.com" {
			t.Errorf("the login page has %q", p.username)
		}
	})
	t.Run("oidcc-ui-locales", func(t *testing.T) { newParty(t, mode).signIn("ui_locales", "se") })
	t.Run("oidcc-claims-locales", func(t *testing.T) { newParty(t, mode).signIn("claims_locales", "se") })

	// acr_values is voluntary; what was done is said.
	t.Run("oidcc-ensure-request-with-acr-values-succeeds", func(t *testing.T) {
		p := newParty(t, mode)
		supported := p.discovered()["acr_values_supported"].([]any)
		values := strings.TrimSuffix(fmt.Sprintln(supported...), "\n") // with spaces between
		if claims := p.signIn("acr_values", values+" urn:unheard-of").claims; !slices.Contains(supported, claims["acr"]) {
			t.Errorf("acr %v; supported is %s", claims["acr"], values)
		}
	})
}

// Codes and redirect URIs.
func basicCodes(t *testing.T, mode string) {
	again := func(t *testing.T, p *party, l *login) {
		if a := p.token(p.codeForm(l.code)); a.StatusCode != http.StatusBadRequest || a.json(t)["error"] != "invalid_grant" {
			t.Errorf("the second time: %s %s", a.Status, a.body)
		}
	}

	// A code is good for one redemption.
	t.Run("oidcc-codereuse", func(t *testing.T) {
		p := newParty(t, mode)
		again(t, p, p.signIn())
	})

	// And a second one revokes what the first bought. The half minute between them
	// is left out: a code is known to be spent for as long as what it bought lives.
	t.Run("oidcc-codereuse-30seconds", func(t *testing.T) {
		p := newParty(t, mode)
		l := p.signIn()
		p.userinfo(l)
		again(t, p, l)
		a := p.send("GET", issuer+"/o/userinfo", nil, "Authorization", "Bearer "+l.access)
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("the access token still works: %s", a.Status)
		}
	})

	// To an unregistered redirect URI nothing is sent; the person sees an error.
	t.Run("oidcc-ensure-registered-redirect-uri", func(t *testing.T) {
		p := newParty(t, mode)
		errorPage(t, p.browse("GET", issuer+"/o/authorize?"+p.request("redirect_uri", redirect+"/not-registered").Encode(), nil))
	})

	// An authorization request may be posted.
	t.Run("oidcc-ensure-post-request-succeeds", func(t *testing.T) {
		p := newParty(t, mode)
		p.redeem(p.through(p.browse("POST", issuer+"/o/authorize", p.request())))
	})

	// The secret may come in the body.
	t.Run("oidcc-server-client-secret-post", func(t *testing.T) {
		p := newParty(t, mode)
		p.inBody = true
		p.userinfo(p.signIn())
	})
}

// Request objects, claims, refresh tokens, PKCE.
func basicRequests(t *testing.T, mode string) {
	// By reference they are not supported, and the metadata says so.
	t.Run("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", func(t *testing.T) {
		p := newParty(t, mode)
		if e := p.refused("request_uri", "https://rp.example.com/request.jwt"); e != "request_uri_not_supported" || p.discovered()["request_uri_parameter_supported"] != false {
			t.Errorf("refused with %s", e)
		}
	})

	// Nor by value.
	t.Run("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(t *testing.T) {
		p := newParty(t, mode)
		if e := p.refused("request", unsigned(t, p.request())); e != "request_not_supported" || p.discovered()["request_parameter_supported"] != false {
			t.Errorf("refused with %s", e)
		}
	})

	// A claim that is asked for as essential in userinfo is there, and only there.
	t.Run("oidcc-claims-essential", func(t *testing.T) {
		p := newParty(t, mode)
		l := p.signIn("claims", `{"userinfo":{"name":{"essential":true}}}`)
		if name := p.userinfo(l)["name"]; name != "Alice Lidell" || l.claims["name"] != nil {
			t.Errorf("name %v in userinfo, %v in the ID token", name, l.claims["name"])
		}
	})

	// A good redirect URI in a request object does not make up for a bad one beside
	// it, where request objects are not supported.
	t.Run("oidcc-ensure-request-object-with-redirect-uri", func(t *testing.T) {
		p := newParty(t, mode)
		object := unsigned(t, p.request())
		q := p.request("request", object, "redirect_uri", redirect+"/invalid")
		errorPage(t, p.browse("GET", issuer+"/o/authorize?"+q.Encode(), nil))
	})

	// A refresh gives an ID token of the same sign-in, without the nonce, and an
	// access token that works; another client's refresh token is refused.
	t.Run("oidcc-refresh-token", func(t *testing.T) {
		p := newParty(t, mode)
		refresh := func(p *party, token string) *page {
			return p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		}
		first := p.signIn("scope", "openid offline_access", "prompt", "consent")
		if !strings.Contains(p.asked, "consent") || !strings.Contains(fmt.Sprint(p.discovered()["grant_types_supported"]), "refresh_token") {
			t.Errorf("shown %q", p.asked)
		}
		second := p.bought(refresh(p, first.refresh), "")
		p.sameAgain(first, second)
		if second.access == first.access || second.claims["iat"].(float64) < first.claims["iat"].(float64) {
			t.Errorf("the same again: %v", second.claims)
		}
		p.userinfo(second)
		other := p.another()
		theirs := other.signIn("scope", "openid offline_access", "prompt", "consent")
		if a := refresh(p, theirs.refresh); a.StatusCode != http.StatusBadRequest || a.json(t)["error"] != "invalid_grant" {
			t.Errorf("the other client's: %s %s", a.Status, a.body)
		}
		other.bought(refresh(other, theirs.refresh), "")
	})

	// PKCE works, and the right verifier is needed where a challenge was sent.
	t.Run("oidcc-ensure-request-with-valid-pkce-succeeds", func(t *testing.T) {
		p := newParty(t, mode)
		verifier := oauth2.GenerateVerifier()
		set := []string{"code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256"}
		answer := p.authorize(set...)
		if a := p.token(p.codeForm(answer.Get("code"))); a.json(t)["error"] != "invalid_request" {
			t.Errorf("without the verifier: %s %s", a.Status, a.body)
		}
		if a := p.token(p.codeForm(answer.Get("code"), "code_verifier", oauth2.GenerateVerifier())); a.json(t)["error"] != "invalid_grant" {
			t.Errorf("with another: %s %s", a.Status, a.body)
		}
		p.redeem(p.authorize(set...), "code_verifier", verifier)
	})
}

// errorPage fails unless a is for the person to read.
func errorPage(t *testing.T, a *page) {
	t.Helper()
	if a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") ||
		strings.Contains(a.body, "<form") {
		t.Errorf("%s %v\n%s", a.Status, a.Header, a.body)
	}
}

// unsigned is a request object of alg none (section 6.1).
func unsigned(t *testing.T, request url.Values) string {
	t.Helper()
	claims := map[string]string{"iss": request.Get("client_id"), "aud": issuer}
	for name := range request {
		claims[name] = request.Get(name)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
}

// jwtPart reads the header (0) or the claims (1) of a JWT.
func jwtPart(t *testing.T, token string, part int) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
