package admin_test

import (
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyito/caddyito" // whose directives stand in what is pasted
	"github.com/caddyito/caddyito/store"
)

var presetSelect = regexp.MustCompile(`(?s)<select id="preset".*?</select>`)

var pasted = regexp.MustCompile(`(?s)<pre class="detail" tabindex="0">(.*?)</pre>`)

// TestPresets: each well-known app is registered from its address alone, and told what
// to set, with nothing left to fill in.
func TestPresets(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	options := regexp.MustCompile(`<option value="([a-z]+)"`).FindAllStringSubmatch(presetSelect.FindString(b.get("/o/admin/clients/new").body), -1)
	if len(options) < 14 {
		t.Errorf("there are %d presets", len(options))
	}
	for _, o := range options {
		id := o[1]
		form := b.get("/o/admin/clients/new?preset=" + id + "&address=" + url.QueryEscape("https://"+id+".example.com/")).filled(t)
		form.Set("id", id)
		if id == "wikijs" { // which says its own when it is set up
			form.Set("redirect_uris", "https://wikijs.example.com/login/1/callback")
		}
		if !strings.Contains(form.Get("redirect_uris"), "https://"+id+".example.com") {
			t.Errorf("%s: redirect URIs %q", id, form.Get("redirect_uris"))
		}
		a := b.post("/o/admin/clients/new", form)
		secret := secretShown.FindStringSubmatch(a.body)
		found := pasted.FindStringSubmatch(a.body)
		if a.StatusCode != 200 || secret == nil || found == nil {
			t.Errorf("%s: %d", id, a.StatusCode)
			continue
		}
		text := html.UnescapeString(found[1])
		if !strings.Contains(text, secret[1]) || !strings.Contains(text, s.url) || !strings.Contains(text, id) {
			t.Errorf("%s: what is to be pasted lacks the secret, the issuer or the id:\n%s", id, text)
		}
		if left := regexp.MustCompile(`\{[a-z0-9-]+\}`).FindString(text); left != "" {
			t.Errorf("%s: %s is left to fill in", id, left)
		}
		if _, value, ok := strings.Cut(text, "PAPERLESS_SOCIALACCOUNT_PROVIDERS="); ok && !json.Valid([]byte(value)) {
			t.Errorf("%s: no JSON: %s", id, value)
		}
		if a := b.get("/o/admin/clients/" + id); strings.Contains(a.body, secret[1]) {
			t.Errorf("%s: the secret is shown again", id)
		}
	}
	// A preset that there is not, and an address that is none, do no harm.
	if a := b.get("/o/admin/clients/new?preset=x&address=" + url.QueryEscape(`"><script>alert(1)</script>`)); a.StatusCode != 200 || strings.Contains(a.body, "<script>alert") {
		t.Errorf("%d", a.StatusCode)
	}
}

// adapt has Caddy read a Caddyfile.
func adapt(t *testing.T, text string) string {
	t.Helper()
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v %v in\n%s", err, warnings, text)
	}
	return string(config)
}

// TestGateBlock: what is to be pasted into a Caddyfile is one site with that gate,
// formatted as Caddy wants it, and never more than that.
func TestGateBlock(t *testing.T) {
	s := newServer(t)
	b := s.as("root")
	for site, host := range map[string]string{
		"https://wiki.example.com": "wiki.example.com", "https://wiki.example.com:8443": "wiki.example.com", "http://wiki.localhost": "wiki.localhost", "https://WIKI.example.com": "wiki.example.com", "http://[::1]:8080": "::1",
	} {
		form := b.get("/o/admin/clients/new?preset=gate&address=" + url.QueryEscape(site)).filled(t)
		form.Set("id", "wiki")
		a := b.post("/o/admin/clients/new", form)
		secret, found := secretShown.FindStringSubmatch(a.body), pasted.FindStringSubmatch(a.body)
		if a.StatusCode != 200 || secret == nil || found == nil {
			t.Fatalf("%s: %d %s", site, a.StatusCode, a.body)
		}
		config := adapt(t, html.UnescapeString(found[1]))
		for _, part := range []string{`"handler":"auth_client"`, `"issuer":"` + s.url + `"`, `"client_id":"wiki"`, `"client_secret":"` + secret[1] + `"`, `"` + host + `"`, `"handler":"reverse_proxy"`} {
			if !strings.Contains(config, part) {
				t.Errorf("%s: %s is not in %s", site, part, config)
			}
		}
		// Later, without the secret, it names a variable.
		if later := pasted.FindStringSubmatch(b.get("/o/admin/clients/wiki").body); later == nil || !strings.Contains(adapt(t, html.UnescapeString(later[1])), "{env.AUTH_CLIENT_SECRET}") {
			t.Errorf("%s: %v", site, later)
		}
		b.post("/o/admin/clients/wiki/delete", b.get("/o/admin/clients/wiki/delete").form())
	}
	// Some software registers itself, so what an administrator pastes could be anybody's.
	for _, site := range []string{"https://x,evil.example.com", `https://x"y.example.com`, "https://x<y.example.com", "https://x;y", "https://(x)", "https://x=y", "https://*.example.com", "https://x'y", "https://:443", "https://x.example.com/{"} {
		s.update(func(tx store.WriteTx) error {
			return tx.PutClient(&store.Client{ID: "odd", ClientSettings: store.ClientSettings{RedirectURIs: []string{site + "/oidc/callback"}}, Secrets: []store.ClientSecret{{Sealed: []byte("x")}}})
		})
		if found := pasted.FindStringSubmatch(b.get("/o/admin/clients/odd").body); found != nil {
			t.Errorf("%s is to be pasted: %s", site, html.UnescapeString(found[1]))
		}
	}
}
