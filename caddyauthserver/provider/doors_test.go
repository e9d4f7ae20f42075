package provider_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Each token opens one door: everything that is a secret here, shown at every
// place that takes one.
func TestEachTokenOpensOneDoor(t *testing.T) {
	mails := new(lastLink)
	s := newNamedServer(t, withRegistration, mails.option())
	s.editUser(2, func(u *store.User) { u.IsSuperuser = false }) // so that there is a setup link
	s.addDeviceClients()
	registeredID, registration, _ := s.registered(t, shopMetadata)
	const scope = "openid read offline_access"
	b := s.browser()
	b.code(authQuery("app", appRedirect, "scope", scope)) // agrees once
	u, _ := url.Parse(s.url)
	carol := s.careful(mails)
	// allowed is a device to which bob said yes.
	bob := s.browser().signIn("bob", "bob's password")
	allowed := func() *tv {
		d := s.device("console")
		bob.answer(d, "allow")
		return d
	}
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "jwtbot", ClientSettings: store.ClientSettings{
			GrantTypes: []string{store.GrantClientCredentials}, Resources: []string{api}, Scopes: []string{"invoices:read"}, AccessTokenFormat: store.AccessTokenJWT,
		}, Secrets: []store.ClientSecret{{Sealed: s.key.Seal(store.ClientSecretPurpose("jwtbot"), []byte("jwtbot-secret"))}}})
	})
	key, kid := signingKeyOf(t, s)
	logoutToken := func() string {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": s.issuer, "aud": "app", "sub": "1", "sid": "x", "jti": store.NewSecret(), "iat": s.clock.now().Unix(), "exp": s.clock.now().Add(time.Minute).Unix(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		})
		token.Header["kid"], token.Header["typ"] = kid, "logout+jwt"
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	batch := func() string {
		signs, err := usersync.Key(appSecret, s.issuer)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := usersync.Sign(&usersync.Batch{Issuer: s.issuer, Audience: "app", Feed: "f"}, signs, s.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	reset := func() string {
		link, err := s.p.PasswordLink(t.Context(), store.AuditOrigin{Time: s.clock.now()}, 1)
		if err != nil {
			t.Fatal(err)
		}
		return tokenIn(link)
	}
	kinds := map[string]func() string{
		"code":           func() string { return b.code(authQuery("app", appRedirect, "scope", scope)) },
		"access token":   func() string { return b.tokens(scope).access },
		"refresh token":  func() string { return b.tokens(scope).refresh },
		"ID token":       func() string { return b.tokens(scope).id },
		"setup ticket":   func() string { return tokenIn(s.setupLink()) },
		"session cookie": func() string { return b.sessionCookie().Value },
		"CSRF token":     func() string { return b.get("/o/login").field("csrf") },
		"browser mark":   func() string { return b.cookieLike("-device").Value },
		"request_uri": func() string {
			return s.pushed(as("app", appSecret), authQuery("app", appRedirect, "scope", scope)).Get("request_uri")
		},
		"device code":   func() string { return allowed().code },
		"user code":     func() string { return s.device("console").userCode },
		"client secret": func() string { return appSecret },

		"initial access token":      func() string { return s.invite(store.Invitation{Origins: shopOrigins}) },
		"registration access token": func() string { return registration },

		"logout token": logoutToken,
		"sync batch":   batch,
		"reset link":   reset,
		"access token for an API": func() string {
			return s.credentials("jwtbot", "resource", api).decode(t)["access_token"].(string)
		},

		"nothing": func() string { return "" },
	}
	maps.Copy(kinds, carol.kinds())
	app := as("app", appSecret)
	doors := []door{
		{"token endpoint, code", "code", func(x string) bool {
			return s.token(app, codeForm(x, appRedirect)).StatusCode == http.StatusOK
		}},
		{"token endpoint, refresh", "refresh token", func(x string) bool {
			return s.token(app, refreshForm(x)).StatusCode == http.StatusOK
		}},
		{"token endpoint, device", "device code", func(x string) bool {
			form := url.Values{"grant_type": {store.GrantDevice}, "device_code": {x}}
			return s.token(as("console", consoleSecret), form).StatusCode == http.StatusOK
		}},
		{"page of devices", "user code", func(x string) bool {
			return strings.Contains(b.get("/o/device?user_code="+url.QueryEscape(x)).body, `value="allow"`)
		}},
		{"what was pushed", "request_uri", func(x string) bool {
			return b.authorize(url.Values{"client_id": {"app"}, "request_uri": {x}}).location().Query().Has("code")
		}},
		{"client secret", "client secret", func(x string) bool {
			return s.token(as("app", x), codeForm("x", appRedirect)).StatusCode != http.StatusUnauthorized
		}},
		{"userinfo", "access token", func(x string) bool {
			return s.call("GET", "/o/userinfo", "Bearer "+x, nil).StatusCode == http.StatusOK
		}},
		{"userinfo by form", "access token", func(x string) bool {
			return s.call("POST", "/o/userinfo", "", url.Values{"access_token": {x}}).StatusCode == http.StatusOK
		}},
		{"profile", "access token", func(x string) bool {
			return s.call("GET", "/o/profile", "Bearer "+x, nil).StatusCode == http.StatusOK
		}},
		{"introspection", "access token", func(x string) bool {
			form := url.Values{"token": {x}, "token_type_hint": {"access_token"}}
			return s.call("POST", "/o/introspect", app, form).decode(t)["token_type"] == "Bearer"
		}},
		{"session", "session cookie", func(x string) bool {
			c := s.browser()
			c.jar.SetCookies(u, []*http.Cookie{{Name: b.sessionCookie().Name, Value: x}})
			return c.signedIn()
		}},
		{"hint of logout", "ID token", func(x string) bool {
			return s.browser().logout("id_token_hint", x, "post_logout_redirect_uri", appLoggedOut).Header.Get("Location") == appLoggedOut
		}},
		{"hint of authorize", "ID token", func(x string) bool {
			return b.authorize(authQuery("app", appRedirect, "scope", scope, "id_token_hint", x)).location().Query().Has("code") && x != ""
		}},
		{"setup", "setup ticket", func(x string) bool {
			return s.browser().get("/o/setup?token="+url.QueryEscape(x)).StatusCode == http.StatusOK
		}},
		{"reset", "reset link", func(x string) bool {
			return s.browser().get("/o/reset?token="+url.QueryEscape(x)).StatusCode == http.StatusOK
		}},
		{"introspection by the API's client", "access token for an API", func(x string) bool {
			return s.standsFor("jwtbot", x)["active"] == true
		}},
		{"registration", "initial access token", func(x string) bool {
			return s.register(x, shopMetadata).StatusCode == http.StatusCreated
		}},
		{"a client's registration", "registration access token", func(x string) bool {
			return s.send("GET", "/o/register/"+registeredID, x, "").StatusCode == http.StatusOK
		}},
		{"password", "", func(x string) bool {
			c := s.browser()
			return c.post("/o/login", c.get("/o/login").form("username", "bob", "password", x)).StatusCode == http.StatusSeeOther
		}},
		{"CSRF token of login", "CSRF token", func(x string) bool {
			form := b.get("/o/login").form("username", "bob", "password", "wrong")
			form.Set("csrf", x)
			a := b.post("/o/login", form)
			return strings.Contains(a.body, "is not right") || a.StatusCode == http.StatusTooManyRequests
		}},
		{"CSRF token of logout", "", func(x string) bool {
			b.post("/o/logout", url.Values{"csrf": {x}})
			return !b.signedIn()
		}},
	}
	// Each is made anew for each trial, since a door may spend what it is shown, and a
	// while after the trial before, so that nothing is refused for having tried too much.
	for _, d := range append(doors, carol.doors()...) {
		for kind, made := range kinds {
			s.clock.add(5 * time.Minute)
			opens := slices.Contains(strings.Split(d.keys, ", "), kind)
			if got := d.open(made()); got != opens {
				t.Errorf("%s with %s: opens %v", d.name, kind, got)
			}
		}
	}
}

// door is a place that takes some kinds of secrets, mostly one, and no other.
type door struct {
	name, keys string
	open       func(secret string) bool
}

// tokenIn is the token of a link.
func tokenIn(link string) string {
	_, token, _ := strings.Cut(link, "token=")
	return token
}
