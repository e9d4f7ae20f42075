package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nodeScript prepares a script of testdata/npm to run among the packages that npm
// installed into CADDYITO_NPM, by the Node.js that is one of them.
func nodeScript(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	home := os.Getenv("CADDYITO_NPM")
	if home == "" {
		if os.Getenv("CADDYITO_E2E") == "required" {
			t.Fatal("CADDYITO_NPM is not set, and CADDYITO_E2E is required")
		}
		t.Skip("SKIPPED: CADDYITO_NPM is not set; clients and providers from npm were not tried")
	}
	node, err := filepath.Glob(filepath.Join(home, "node_modules", "node-*", "bin", "node"))
	if err != nil || len(node) != 1 {
		t.Fatalf("in %s there are %d Node.js (%v)", home, len(node), err)
	}
	// Imports are looked for beside the script.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(home, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, node[0], name)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	return cmd
}

// relyingParty are a server with clients for software from npm, and where those
// have people sent back to.
type relyingParty struct {
	*caddy
	server string
	back   *httptest.Server
}

func startRelyingParty(t *testing.T) *relyingParty {
	t.Helper()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		json.NewEncoder(w).Encode(map[string]string{"method": r.Method, "body": string(body)})
	}))
	t.Cleanup(back.Close)
	back.URL = strings.Replace(back.URL, "127.0.0.1", "localhost", 1)
	p := &relyingParty{server: "http://" + freeAddr(t), back: back}
	p.caddy = startCaddy(t, strings.NewReplacer("SERVER", p.server, "BACK", p.back.URL, "SECRET", npmSecret).Replace(`
SERVER {
	auth_server {
		dynamic_registration
		client web {
			name                 "Web app"
			secret               SECRET
			redirect             BACK/cb
			post_logout_redirect BACK/bye
		}
		client es {
			secret                       SECRET
			redirect                     BACK/cb
			id_token_signed_response_alg ES256
			require_par
		}
		client native {
			public
			redirect                     BACK/cb
			id_token_signed_response_alg EdDSA
			access_token_format          jwt
			resources                    https://api.example.com
			scopes                       openid profile offline_access invoices:read
		}
		client telly {
			public
			grant_types urn:ietf:params:oauth:grant-type:device_code
		}
		client robot {
			secret              SECRET
			grant_types         client_credentials
			access_token_format jwt
			resources           https://api.example.com
			scopes              invoices:read
		}
	}
}
`))
	p.people()
	return p
}

const npmSecret = "a-secret-of-at-least-thirty-two-bytes"

// run runs the script, and is the person in front of its browser.
func (rp *relyingParty) run(t *testing.T, name string) {
	t.Helper()
	cmd := nodeScript(t, name, "ISSUER="+rp.server, "REDIRECT="+rp.back.URL+"/cb", "BYE="+rp.back.URL+"/bye", "SECRET="+npmSecret,
		"REGISTRATION="+rp.authJSON("", "registration", "create", "--origin", rp.back.URL)["token"].(string))
	var problems bytes.Buffer
	cmd.Stderr = &problems
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	visits := 0
	p := newPerson(t)
	for lines := bufio.NewScanner(out); lines.Scan(); visits++ {
		var asked struct{ What, URL string }
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			t.Fatalf("%s says %q", name, lines.Text())
		}
		answer := map[string]string{}
		if p.open(asked.URL).agree(rp.back.URL); asked.What == "visit" {
			p.at(p.url.String(), 200)
			if !strings.HasPrefix(p.url.String(), rp.back.URL+"/") {
				t.Fatalf("the person is stuck at %s (%d)\n%s\n%s", p.url, p.status, p.body, &problems)
			}
			if err := json.Unmarshal([]byte(p.body), &answer); err != nil {
				t.Fatal(err)
			}
			answer["url"] = p.url.String()
		} else if !strings.Contains(p.body, "Your device is connected") {
			t.Fatalf("the device is not connected: at %s (%d)\n%s", p.url, p.status, p.body)
		}
		if err := json.NewEncoder(in).Encode(answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil || visits == 0 {
		t.Fatalf("%s: %v after %d visits\n%s", name, err, visits, &problems)
	}
}

// agree signs in, allows, and lets forms go on by themselves, until the person is
// at origin or there is nothing left to agree to.
func (p *person) agree(origin string) {
	p.t.Helper()
	for range 6 {
		switch {
		case strings.HasPrefix(p.url.String(), origin+"/"):
			return
		case strings.Contains(p.body, `id="login-submit"`):
			p.signIn("alice", password)
		case strings.Contains(p.body, `name="decision"`):
			p.submit(map[string]string{"decision": "allow"})
		case strings.Contains(p.body, `id="form-post"`):
			p.submit(nil)
		default:
			return
		}
	}
}

// Clients that nobody here wrote.
func TestNpmOpenIDClient(t *testing.T) {
	t.Parallel()
	startRelyingParty(t).run(t, "openid-client.mjs")
}

func TestNpmOauth4webapi(t *testing.T) {
	t.Parallel()
	startRelyingParty(t).run(t, "oauth4webapi.mjs")
}
