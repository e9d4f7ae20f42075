package authapp

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func TestAuthOption(t *testing.T) {
	for caddyfile, want := range map[string]string{
		"auth":                    `{}`,
		"auth {\n}":               `{}`,
		"auth {\n store bbolt\n}": `{"store":{"module":"bbolt"}}`,
		"auth {\n store bbolt /var/lib/auth.db\n}":                   `{"store":{"module":"bbolt","path":"/var/lib/auth.db"}}`,
		"auth {\n store bbolt \"with space.db\"\n}":                  `{"store":{"module":"bbolt","path":"with space.db"}}`,
		"auth {\n store bbolt {env.DB}\n}":                           `{"store":{"module":"bbolt","path":"{env.DB}"}}`,
		"auth {\n master_key /etc/caddy/master.key\n}":               `{"master_key":"/etc/caddy/master.key"}`,
		"auth {\n master_key {env.MASTER_KEY}\n}":                    `{"master_key":"{env.MASTER_KEY}"}`,
		"auth {\n master_key {file./run/secrets/key}\n}":             `{"master_key":"{file./run/secrets/key}"}`,
		"auth {\n allow_http_sync wiki.internal 10.0.0.7 fd00::7\n}": `{"allow_http_sync":["wiki.internal","10.0.0.7","fd00::7"]}`,
		"auth {\n audit_keep 30d\n}":                                 `{"audit_keep":2592000000000000}`,
		"auth {\n master_key k\n store bbolt {\n }\n}":               `{"store":{"module":"bbolt"},"master_key":"k"}`,
		"auth {\n store bbolt a.db # where\n master_key b\n}\n":      `{"store":{"module":"bbolt","path":"a.db"},"master_key":"b"}`,
	} {
		var cfg struct {
			Apps struct {
				Auth json.RawMessage `json:"auth"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(adapt(t, "{\n"+caddyfile+"\n}\n"), &cfg); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Compact(&got, cfg.Apps.Auth); err != nil || got.String() != want {
			t.Errorf("%s\ngives %s (%v)\nwant  %s", caddyfile, got.String(), err, want)
		}
	}
}

func TestAuthOptionMistakes(t *testing.T) {
	key := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for caddyfile, want := range map[string]string{
		"auth bbolt":                                `the auth option takes a block, and "bbolt" is not one: auth { store ... }, at Caddyfile:2`,
		"auth {\n stores bbolt\n}":                  `auth: there is no option "stores"; there are store, master_key, allow_http_sync and audit_keep, at Caddyfile:3`,
		"auth {\n store\n}":                         `auth: store takes the kind of store; there are bbolt, at Caddyfile:3`,
		"auth {\n store sqlite x\n}":                `auth: there is no store "sqlite"; there are bbolt, at Caddyfile:3`,
		"auth {\n store bbolt a b\n}":               `store bbolt takes one path, and "b" is one too many, at Caddyfile:3`,
		"auth {\n store bbolt a {\n  sync\n }\n}":   `store bbolt has no options; there is "sync", at Caddyfile:4`,
		"auth {\n store bbolt a\n store bbolt b\n}": `auth: store is given twice, at Caddyfile:4`,
		"auth {\n audit_keep\n}":                    `audit_keep`,
		"auth {\n audit_keep 1h\n}":                 `audit_keep 1h0m0s: must be at least 24h`,
		"auth {\n audit_keep x\n}":                  `audit_keep`,
		"auth {\n allow_http_sync\n}":               `allow_http_sync takes the hosts`,
		"auth {\n allow_http_sync http://wiki\n}":   `allow_http_sync http://wiki: name a host alone`,
		"auth {\n allow_http_sync wiki:80\n}":       `allow_http_sync wiki:80: name a host alone`,
		"auth {\n allow_http_sync wiki/x\n}":        `allow_http_sync wiki/x: name a host alone`,
		"auth {\n allow_http_sync *\n}":             `allow_http_sync *: name a host alone`,
		"auth {\n master_key\n}":                    `auth: master_key takes the name of a file, or a placeholder such as {env.MASTER_KEY} that holds the key, at Caddyfile:3`,
		"auth {\n master_key \"\"\n}":               `auth: master_key takes the name of a file`,
		"auth {\n master_key a b\n}":                `auth: master_key takes one value; quote a name that has spaces, at Caddyfile:3`,
		"auth {\n master_key " + key + "\n}":        `auth: master_key is the key itself`,
		"auth {\n}\nauth {\n}":                      `the auth option is given twice; put everything in one, at Caddyfile:4`,
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\n"+caddyfile+"\n}\n"), map[string]any{"filename": "Caddyfile"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v\nwant  %s", caddyfile, err, want)
		}
		if err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func TestKeyInJSONIsRefused(t *testing.T) {
	app := &App{MasterKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
	if err := app.Validate(); err == nil || strings.Contains(err.Error(), app.MasterKey) {
		t.Errorf("got %v", err)
	}
}

func FuzzAuthOption(f *testing.F) {
	for _, s := range []string{"", "{\n store bbolt x\n master_key {env.X}\n}", "{", "x {\n}", "{\n store bbolt {\n a\n}\n}"} {
		f.Add(s)
	}
	adapter := caddyconfig.GetAdapter("caddyfile")
	f.Fuzz(func(t *testing.T, block string) {
		b, _, err := adapter.Adapt([]byte("{\nauth "+block+"\n}\n"), map[string]any{"filename": "Caddyfile"})
		if err == nil && !json.Valid(b) {
			t.Errorf("not JSON: %s", b)
		}
	})
}
