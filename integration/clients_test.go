package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// A client of the Caddyfile is seen where clients are administered, and its name
// is taken there.
func TestClientsOfTheCaddyfile(t *testing.T) {
	t.Parallel()
	c := startCaddy(t, "http://"+freeAddr(t)+" {\n\tauth_server {\n\t\tclient grafana {\n\t\t\tsecret "+strings.Repeat("s", 43)+
		"\n\t\t\tredirect https://grafana.example.com/login\n\t\t}\n\t}\n}\n")
	list := c.auth("", "client", "list")
	if !strings.Contains(list, "grafana") || strings.Contains(list, "ssss") {
		t.Errorf("client list says\n%s", list)
	}
	out, err := c.command("", "auth", "client", "create", "grafana", "--redirect", "https://grafana.example.com/login", "--address", c.admin)
	if err == nil {
		t.Errorf("a second grafana was made:\n%s", out)
	}
}

// caddy auth key rotate publishes the next key at once.
func TestRotateKeys(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	c := startCaddy(t, "http://"+addr+" {\n\tauth_server\n}\n")
	for range 2 { // the second finds one that waits for its time
		if out := c.auth("", "key", "rotate"); strings.Count(out, "RS256") != 2 {
			t.Errorf("key rotate says\n%s", out)
		}
	}
	resp, err := http.Get("http://" + addr + "/o/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || strings.Count(string(body), `"kid"`) != 2*len(store.SigningAlgs()) {
		t.Errorf("published: %s %v", body, err)
	}
}
