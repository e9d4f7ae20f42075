package glue

import (
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// The example of the README, with other ports: it greets who signs in, and
// what people call themselves is text, not markup.
func TestExample(t *testing.T) {
	data, err := os.ReadFile("../../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(data, map[string]any{"filename": "Caddyfile.example"}); err != nil || len(warnings) > 0 {
		t.Errorf("it is no well-formatted Caddyfile: %v %v", err, warnings)
	}
	t.Chdir("../..") // where the example is started
	_, sites, ok := strings.Cut(string(data), "\n}\n")
	if !ok {
		t.Fatal("no global options")
	}
	b := start(t, strings.NewReplacer("http://localhost:9080", "$SERVER", "http://localhost:9081", "$GATE").Replace(sites))
	alice := newBrowser(t)
	p := alice.signIn(b.gate+"/", "alice")
	for _, want := range []string{
		"Hello, Alice &lt;b&gt;Archer&lt;/b&gt;", `<dd id="username">alice</dd>`, `<dd id="email">alice@example.com</dd>`,
		"Acme &lt;&amp;&gt; Sons", `<span class="chip">Buyer</span>`, `<span class="chip">staff</span><span class="chip">wiki</span>`,
		"Remote-User: alice\n", "Remote-Groups: staff,wiki", `href="/oidc/logout"`,
	} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(p.body, "<b>") {
		t.Error("a name became markup")
	}
	if t.Failed() {
		t.Log(p)
	}
	if p := newBrowser(t).signIn(b.gate+"/", "bob"); !strings.Contains(p.body, "Hello, bob") || strings.Count(p.body, `<span class="note">none</span>`) != 2 {
		t.Errorf("bob sees %s", p)
	}
	if p := newBrowser(t).get(b.server + "/"); !strings.Contains(p.url.String(), b.server+"/o/login") {
		t.Errorf("the server's start leads to %s", p.url)
	}
}
