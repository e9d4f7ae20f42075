package oidc

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyito/caddyito"
	"github.com/caddyito/caddyito/internal/freeport"
)

// issuer is the server, which all tests of the package share, and admin the address
// of its Caddy's admin API.
var issuer, admin string

// transport trusts the authority that made the server's certificate.
var transport *http.Transport

// told gets what the server posts to backchannel logout URIs.
var told = make(chan *http.Request, 100)

const (
	password = "correct horse battery staple"
	secret   = "a secret of at least thirty-two bytes"
	redirect = "https://rp.example.com/cb"
	bye      = "https://rp.example.com/bye"
)

// startServer runs a Caddy whose data is in dir: clients "rp", which has neither
// PKCE nor the person's trust, as those of the suite, and "rp2"; alice, of whom all
// is known that can be, and bob.
func startServer(dir string) error {
	os.Setenv("XDG_DATA_HOME", dir)
	os.Setenv("XDG_CONFIG_HOME", dir)
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_ = http.Serve(back, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			told <- r
		}))
	}()
	addrs, err := freeAddrs(2)
	if err != nil {
		return err
	}
	gates, err := gateSites()
	if err != nil {
		return err
	}
	issuer, admin = "https://"+addrs[0], addrs[1]
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin %s
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	storage file_system %s
	log {
		output discard
	}
}
%s {
	tls internal
	auth_server {
		client rp {
			name                 "Relying Party"
			secret               "%s"
			redirect             %s
			post_logout_redirect %s
			allow_no_pkce
			backchannel_logout   http://%s/logout
		}
		client rp2 {
			secret   "%[4]s 2"
			redirect https://rp2.example.com/cb https://rp2.example.com/cb?foo=bar
			allow_no_pkce
		}
		schema {
			user {
				middle_name text
				nickname    text
				profile     url
				picture     url
				website     url
				gender      text
				birthdate   date
				zoneinfo    text
				locale      text
				phone       text
				address     text
			}
		}
	}
}
%[8]s`, admin, dir, issuer, secret, redirect, bye, back.Addr(), gates), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err
	}
	if err := caddy.Load(out, true); err != nil {
		return err
	}
	root, err := os.ReadFile(filepath.Join(dir, "pki", "authorities", "local", "root.crt"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	for _, user := range []map[string]any{
		{"username": "alice", "password": password, "email": "alice@example.com", "email_verified": true, "first_name": "Alice", "last_name": "Lidell",
			"middle_name": "Pleasance", "nickname": "Al", "profile": "https://example.com/alice", "picture": "https://example.com/alice.png",
			"website": "https://alice.example.com", "gender": "female", "birthdate": "1852-05-04", "zoneinfo": "Europe/London", "locale": "en-GB",
			"phone": "+44 1865 276150", "address": "Christ Church, Oxford"},
		{"username": "bob", "password": password},
	} {
		if err := createUser(user); err != nil {
			return err
		}
	}
	return nil
}

func createUser(user map[string]any) error {
	body, err := json.Marshal(user)
	if err != nil {
		return err
	}
	resp, err := http.Post("http://"+admin+"/auth/users", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("making %s: %s %s", user["username"], resp.Status, answer)
	}
	return nil
}

// freeAddrs are n addresses that are this process's alone.
func freeAddrs(n int) (addrs []string, err error) {
	for range n {
		port, _, err := freeport.Reserve()
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, fmt.Sprintf("localhost:%d", port))
	}
	return addrs, nil
}

// waitUntil waits for the clock, since auth_time has whole seconds.
func waitUntil(unix int64) {
	time.Sleep(time.Until(time.Unix(unix, 0)))
}
