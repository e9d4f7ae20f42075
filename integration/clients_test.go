package integration

import (
	"strings"
	"testing"
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
