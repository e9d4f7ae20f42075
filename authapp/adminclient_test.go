package authapp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// secretsOf are the secrets in force at a time, in the clear.
func (a *api) secretsOf(id string, now time.Time) []string {
	a.t.Helper()
	var out []string
	a.view(func(tx store.ReadTx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		for _, s := range c.Secrets {
			if !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt) {
				continue
			}
			b, err := a.app.Key().Open(store.ClientSecretPurpose(id), s.Sealed)
			if err != nil {
				return err
			}
			out = append(out, string(b))
		}
		return nil
	})
	return out
}

func TestAdminClientLife(t *testing.T) {
	a := newAPI(t)
	var c clientView
	a.do("POST", "/auth/clients", `{"id":"wiki","name":"Wiki","redirect_uris":["https://wiki.example.com/oidc/callback"],"skip_consent":true}`, 201, &c)
	if len(c.Secret) != 43 || c.Source != "store" || !c.SkipConsent || c.Issuer != "https://auth.example.com" {
		t.Errorf("made %+v", c)
	}
	first := c.Secret
	now := time.Now()
	if got := a.secretsOf("wiki", now); len(got) != 1 || got[0] != first {
		t.Errorf("the store has %q", got)
	}
	for _, path := range []string{"/auth/clients/wiki", "/auth/clients"} {
		if got := a.do("GET", path, "", 200, nil); strings.Contains(got, first) || strings.Contains(got, "sealed") || strings.Contains(got, "not-to-be-shown") {
			t.Errorf("%s shows a secret: %s", path, got)
		}
	}
	a.do("POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"24h"}`, 200, &c)
	second := c.Secret
	if got := a.secretsOf("wiki", now); fmt.Sprint(got) != fmt.Sprint([]string{first, second}) || first == second {
		t.Errorf("during the overlap %q", got)
	}
	if got := a.secretsOf("wiki", now.Add(25*time.Hour)); fmt.Sprint(got) != fmt.Sprint([]string{second}) {
		t.Errorf("after the overlap %q", got)
	}
	// A longer overlap does not lengthen what was to end sooner.
	a.do("POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"1000h"}`, 200, &c)
	if got := a.secretsOf("wiki", now.Add(25*time.Hour)); fmt.Sprint(got) != fmt.Sprint([]string{second, c.Secret}) {
		t.Errorf("after a second rotation %q", got)
	}
	// None ends the others at once.
	a.do("POST", "/auth/clients/wiki/rotate-secret", `{}`, 200, &c)
	if got := a.secretsOf("wiki", now); fmt.Sprint(got) != fmt.Sprint([]string{c.Secret}) {
		t.Errorf("without overlap %q", got)
	}
	a.do("DELETE", "/auth/clients/wiki", "", 204, nil)
	a.do("GET", "/auth/clients/wiki", "", 404, nil)
}

func TestAdminClientMistakes(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/auth/clients", `{"id":"wiki","redirect_uris":["https://wiki.example.com/cb"]}`, 201, nil)
	var public clientView
	a.do("POST", "/auth/clients", `{"id":"spa","public":true,"redirect_uris":["https://spa.example.com/cb"]}`, 201, &public)
	if public.Secret != "" {
		t.Error("a public client got a secret")
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/auth/clients", `{"id":"wiki","redirect_uris":["https://wiki.example.com/cb"]}`, 409, "another client already has id"},
		{"POST", "/auth/clients", `{"id":"grafana","redirect_uris":["https://g.example.com/cb"]}`, 409, "config of auth_server"},
		{"POST", "/auth/clients", `{"id":"wiki.example.com","redirect_uris":["https://wiki.example.com/cb"]}`, 409, "enrolled by itself"},
		{"POST", "/auth/clients", `{"id":"a/b"}`, 400, "only letters, digits"},
		{"POST", "/auth/clients", `{"id":""}`, 400, "1 to 100"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["javascript:alert(1)"]}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["com.example.app:/cb"]}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","public":true,"redirect_uris":["myapp:/cb"]}`, 400, "domain name turned round"},
		{"POST", "/auth/clients", `{"id":"x","public":true,"redirect_uris":["data:text/html,x.y"]}`, 400, "domain name turned round"},
		{"POST", "/auth/clients", `{"id":"native","public":true,"redirect_uris":["com.example.app:/cb","http://127.0.0.1/cb"]}`, 201, "native"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["https://*.example.com/cb"]}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","redirect_uris":["https://example.com/cb#x"]}`, 400, "fragment"},
		{"POST", "/auth/clients", `{"id":"x","post_logout_redirect_uris":["/"]}`, 400, "post_logout_redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","scopes":["openid","mail"]}`, 400, `no scope \"mail\"; there are: openid, profile, email, phone, address, groups, read, offline_access`},
		{"POST", "/auth/clients", `{"id":"x","public":true}`, 400, "redirect_uris"},
		{"POST", "/auth/clients", `{"id":"x","public":true,"allow_no_pkce":true,"redirect_uris":["https://x/"]}`, 400, "PKCE"},
		{"POST", "/auth/clients", `{"id":"x","name":"a\nb"}`, 400, "name"},
		{"POST", "/auth/clients", `{"id":"x","secret":"mine"}`, 400, "secret"},
		{"POST", "/auth/clients/spa/rotate-secret", `{}`, 409, "public"},
		{"POST", "/auth/clients/nobody/rotate-secret", `{}`, 404, "nobody"},
		{"POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"-1h"}`, 400, "overlap"},
		{"POST", "/auth/clients/wiki/rotate-secret", `{"overlap":"9000h"}`, 400, "overlap"},
		{"POST", "/auth/clients/grafana/rotate-secret", `{}`, 409, "config of auth_server"},
		{"DELETE", "/auth/clients/grafana", ``, 409, "config of auth_server"},
		{"DELETE", "/auth/clients/wiki.example.com", ``, 409, "enrolled by itself"},
		{"DELETE", "/auth/clients/nobody", ``, 404, "nobody"},
	} {
		if got := a.do(test.method, test.path, test.body, test.status, nil); !strings.Contains(got, test.says) {
			t.Errorf("%s %s %s: %s, want %q in it", test.method, test.path, test.body, got, test.says)
		}
	}
}

// Who may sign in at a client, and what signs for it, is kept as it was asked for,
// and a mistake names its field.
func TestAdminClientGroupsAndAlg(t *testing.T) {
	a := newAPI(t)
	var c clientView
	a.do("POST", "/auth/clients", `{"id":"shop","redirect_uris":["https://shop.example.com/cb"],"allow_groups":["staff"],"id_token_signed_response_alg":"ES256"}`, 201, nil)
	a.do("GET", "/auth/clients/shop", "", 200, &c)
	if fmt.Sprint(c.AllowGroups) != "[staff]" || c.IDTokenAlg != "ES256" {
		t.Errorf("kept %+v", c)
	}
	for field, value := range map[string]string{"allow_groups": `["a,b"]`, "id_token_signed_response_alg": `"none"`} {
		got := a.do("POST", "/auth/clients", `{"id":"bad","redirect_uris":["https://shop.example.com/cb"],"`+field+`":`+value+`}`, 400, nil)
		if !strings.Contains(got, `"field":"`+field+`"`) {
			t.Errorf("%s %s: %s", field, value, got)
		}
	}
}
