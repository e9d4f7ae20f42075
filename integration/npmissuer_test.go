package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/freeport"
)

// npmIssuer is oidc-provider, an issuer that nobody here wrote, and a gate before an
// app that trusts it.
type npmIssuer struct {
	t        *testing.T
	port     int
	url      string
	gate     string
	app      *app
	caddy    *caddy
	shutDown func()
}

func startNpmIssuer(t *testing.T, options string, env ...string) *npmIssuer {
	t.Helper()
	i := &npmIssuer{t: t, port: freeport.ForTest(t), gate: "http://" + freeAddr(t), app: startApp(t)}
	i.url = fmt.Sprintf("http://localhost:%d", i.port)
	i.start(env...)
	i.caddy = startCaddy(t, fmt.Sprintf(`
%s {
	auth_client %s {
		client_id wiki
		client_secret %s
		%s
	}
	request_header X-Access-Token {http.auth.user.access_token}
	reverse_proxy %s
}
`, i.gate, i.url, npmSecret, options, i.app.addr))
	return i
}

// start runs the issuer with a new key, and without memory of former sessions.
func (i *npmIssuer) start(env ...string) {
	i.t.Helper()
	log := &logs{}
	cmd := nodeScript(i.t, "oidc-provider.mjs", append(env, fmt.Sprint("PORT=", i.port), "GATE="+i.gate, "SECRET="+npmSecret)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	ended := false
	i.shutDown = func() {
		if !ended {
			ended = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	i.t.Cleanup(i.shutDown)
	waitFor(i.t, 30*time.Second, func() error {
		resp, err := http.Get(i.url + "/.well-known/openid-configuration")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, log.String())
		}
		return resp.Body.Close()
	})
}

// signIn is somebody who opens the page at the gate, fills in the issuer's forms,
// and comes back.
func (i *npmIssuer) signIn(p *person, name string) {
	i.t.Helper()
	p.open(i.gate + "/page?x=1")
	if !strings.HasPrefix(p.url.String(), i.url+"/interaction/") {
		i.t.Fatalf("the person is at %s (%d), not at the issuer\n%s", p.url, p.status, p.body)
	}
	p.submit(map[string]string{"login": name, "password": "any"})
	if strings.HasPrefix(p.url.String(), i.url) {
		p.submit(map[string]string{"prompt": "consent"})
	}
	p.at(i.gate+"/page?x=1", 200)
}

func TestNpmOidcProvider(t *testing.T) {
	t.Parallel()
	i := startNpmIssuer(t, "allow group staff")
	p := newPerson(t)
	i.signIn(p, "alice")
	for name, want := range map[string]string{
		"Remote-User": "alice", "Remote-Email": "alice@example.com", "Remote-Name": "alice Archer", "Remote-Groups": "staff,wiki",
	} {
		if got := p.upstream().Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}

	t.Run("signing out at the gate signs out there", func(t *testing.T) {
		p := newPerson(t)
		i.signIn(p, "carol")
		p.open(i.gate + "/oidc/logout").submit(map[string]string{"logout": "yes"})
		if _, err := p.me(i.gate); err == nil {
			t.Error("the gate still lets in")
		}
		i.signIn(p, "carol") // and the issuer asks who it is
	})

	t.Run("signing out there signs out at the gate", func(t *testing.T) {
		p := newPerson(t)
		i.signIn(p, "dave")
		p.open(i.url + "/session/end").submit(map[string]string{"logout": "yes"})
		waitFor(t, 30*time.Second, func() error {
			if me, err := p.me(i.gate); err == nil {
				return fmt.Errorf("the gate lets in %v", me["username"])
			}
			return nil
		})
	})

	t.Run("the issuer signs with another key", func(t *testing.T) {
		i.shutDown()
		i.start()
		p.open(i.gate+"/page").at(i.gate+"/page", 200) // whoever is signed in stays so
		i.signIn(newPerson(t), "erin")
	})
}

// The app behind the gate uses the person's access token, which lasts two seconds.
// The issuer takes each refresh token once, and ends it all when one comes again.
func TestNpmOidcProviderTokensKept(t *testing.T) {
	t.Parallel()
	i := startNpmIssuer(t, "tokens keep", "ACCESS_TOKEN_LIFETIME=2")
	p := newPerson(t)
	i.signIn(p, "alice")
	worksFor := func(token string) string {
		r, err := http.NewRequest("GET", i.url+"/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var who struct{ Sub string }
		json.NewDecoder(resp.Body).Decode(&who)
		return who.Sub
	}
	token := func() string {
		p := p.tab()
		p.open(i.gate+"/page").at(i.gate+"/page", 200)
		return p.upstream().Header.Get("X-Access-Token")
	}
	last := ""
	for range 3 {
		waitFor(t, 30*time.Second, func() error {
			if worksFor(last) != "" {
				return errors.New("the access token does not end")
			}
			return nil
		})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if token() == "" {
					t.Error("the app got no token")
				}
			})
		}
		wg.Wait()
		before := last
		waitFor(t, 30*time.Second, func() error { // on a busy machine one may end meanwhile
			if last = token(); last == before || worksFor(last) != "alice" {
				return fmt.Errorf("the app got %q after %q, good for %q", last, before, worksFor(last))
			}
			return nil
		})
	}
	p.open(i.gate + "/oidc/logout")
	if who := worksFor(last); who != "" {
		t.Errorf("signed out, but the token still works for %s", who)
	}
}
