package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A gate that the server cannot reach lives on asking alone, as quickly, and its
// operator sees that.
func TestSyncByAskingAlone(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	waitFor(t, 15*time.Second, b.settled)
	b.serverCaddy.auth("", "client", "create", "inside", "--redirect", b.gate+"/oidc/callback", "--skip-consent", "--sync-url", "http://"+freeAddr(t)+"/oidc/sync")
	secret, _ := b.serverCaddy.authJSON("", "client", "rotate-secret", "inside")["secret"].(string)
	b.gateFile = strings.ReplaceAll(b.gateWith(secret), "client_id wiki", "client_id inside")
	b.gateCaddy.stop()
	b.gateCaddy.start(b.gateFile)
	p := newPerson(t)
	p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	b.serverCaddy.auth("", "object", "set", "company", "1", "name=Inside")
	enforced(t, p, b.gate, "renamed", companyNamed("Inside"))
	waitFor(t, 15*time.Second, func() error {
		if s := b.serverCaddy.auth("", "sync", "status"); !strings.Contains(s, "follows by asking; pushes fail") {
			return fmt.Errorf("the status does not say how it follows:\n%s", s)
		}
		return nil
	})
	if out := b.serverCaddy.auth("", "sync", "resync", "inside", "--wait"); !strings.Contains(out, "100%") {
		t.Errorf("resync --wait shows %q", out)
	}
	enforced(t, p, b.gate, "filled anew", companyNamed("Inside"))
}
