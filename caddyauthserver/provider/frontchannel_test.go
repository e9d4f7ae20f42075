package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

var frameOf = regexp.MustCompile(`<iframe src="([^"]*)" hidden`)

// OpenID Connect Front-Channel Logout 1.0 section 3: the page that ends a session
// loads those of its clients, with iss and sid, and nobody else's.
func TestOIDCFrontChannelLogout(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		for _, id := range []string{"one", "two", "unvisited"} {
			err := tx.PutClient(&store.Client{ID: id, ClientSettings: store.ClientSettings{
				Public: true, SkipConsent: true, RedirectURIs: []string{"https://" + id + ".example.com/cb"},
				PostLogoutRedirectURIs: []string{"https://" + id + ".example.com/"}, FrontchannelLogoutURI: "https://" + id + ".example.com/bye?x=1",
			}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	b := s.browser().signIn("alice", alicePassword)
	visit := func(id string) tokens {
		redirect := "https://" + id + ".example.com/cb"
		return tokensOf(t, s.token("", codeForm(b.code(authQuery(id, redirect)), redirect, "client_id", id)))
	}
	visit("one")
	tok := visit("two")
	sid := claimsOf(t, tok.id)["sid"].(string)
	elsewhere := s.browser().signIn("alice", alicePassword) // a session of its own
	frames := func(a *answer) (hosts []string) {
		t.Helper()
		for _, m := range frameOf.FindAllStringSubmatch(a.body, -1) {
			u, err := url.Parse(html.UnescapeString(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if u.Path != "/bye" || q.Get("x") != "1" || q.Get("iss") != s.issuer || q.Get("sid") != sid {
				t.Errorf("the frame is %s", u)
			}
			hosts = append(hosts, u.Host)
		}
		return hosts
	}
	if a := elsewhere.post("/o/logout", elsewhere.get("/o/logout").form()); len(frames(a)) != 0 {
		t.Errorf("another session's end loads %v", frames(a))
	}
	q := url.Values{"id_token_hint": {tok.id}, "post_logout_redirect_uri": {"https://two.example.com/"}, "state": {"a b"}}
	a := b.get("/o/logout?" + q.Encode())
	if got := frames(a); a.StatusCode != http.StatusOK || len(got) != 2 || got[0] != "one.example.com" || got[1] != "two.example.com" {
		t.Fatalf("%d loads %v", a.StatusCode, got)
	}
	if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-src https://one.example.com https://two.example.com;") {
		t.Errorf("the policy is %s", policy)
	}
	if got := a.Header.Get("Refresh"); got != "2; url=https://two.example.com/?state=a+b" || !strings.Contains(a.body, `href="https://two.example.com/?state=a&#43;b"`) {
		t.Errorf("it goes on by itself to %q\n%s", got, a.body)
	}
	if a := b.get("/o/logout?" + q.Encode()); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a second time: %d", a.StatusCode)
	}
	meta := s.call("GET", "/.well-known/openid-configuration", "", nil).decode(t)
	if meta["frontchannel_logout_supported"] != true || meta["frontchannel_logout_session_supported"] != true {
		t.Error("section 3: the metadata do not say so")
	}
}
