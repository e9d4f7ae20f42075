package authapp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/store"
)

const oneSite = "http://a.example.com {\n\tfake_server name=s\n}"

func TestMasterKeyIsMadeWithTheStoreAndStays(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	mustLoad(t, globals(dir)+oneSite)
	key := server(t, "s").env.MasterKey
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v", info.Mode())
	}
	text, _ := os.ReadFile(path)
	if got, err := store.ParseMasterKey(string(text)); err != nil || got != key {
		t.Errorf("the file does not hold the key in use (%v)", err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, globals(dir)+oneSite)
	if server(t, "s").env.MasterKey != key {
		t.Error("a restart changed the key")
	}
}

func TestMasterKeyMistakes(t *testing.T) {
	for _, test := range []struct {
		name   string
		break_ func(t *testing.T, path string)
		says   string
	}{
		{"missing", func(t *testing.T, path string) { remove(t, path) }, "is missing, and the database was made with it"},
		{"another", func(t *testing.T, path string) { write(t, path, store.NewMasterKey().Encode()) }, "bring back the key that belongs to this database"},
		{"garbage", func(t *testing.T, path string) { write(t, path, "s3cr3t-garbage") }, "32 bytes in base64url"},
		{"empty", func(t *testing.T, path string) { write(t, path, "") }, "32 bytes in base64url"},
		{"a directory", func(t *testing.T, path string) { remove(t, path); os.Mkdir(path, 0o700) }, "reading the master key"},
	} {
		for _, moment := range []string{"at a restart", "at a reload"} {
			t.Run(test.name+" "+moment, func(t *testing.T) {
				resetEvents()
				dir := t.TempDir()
				path := filepath.Join(dir, "master.key")
				mustLoad(t, globals(dir)+oneSite)
				if moment == "at a restart" {
					if err := caddy.Stop(); err != nil {
						t.Fatal(err)
					}
				}
				test.break_(t, path)
				err := load(t, globals(dir)+oneSite)
				want := test.says
				if moment == "at a reload" && (test.name == "missing" || test.name == "another") {
					want = map[string]string{"missing": "no such file", "another": "holds another than the one in use"}[test.name]
				}
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
				if err != nil && strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("the error shows the key: %v", err)
				}
				if _, err := os.Stat(path); test.name == "missing" && err == nil {
					t.Error("a new key was made over an old installation")
				}
				if n, _ := stores.References(filepath.Join(dir, "auth.db")); moment == "at a reload" && n != 1 || moment != "at a reload" && n != 0 {
					t.Errorf("%d references to the store", n)
				}
			})
		}
	}
}

func TestMasterKeyFromAPlaceholder(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	key := store.NewMasterKey()
	site := func(master string) string {
		return strings.Replace(globals(dir), "master_key "+filepath.Join(dir, "master.key"), "master_key "+master, 1) + oneSite
	}
	t.Setenv("TEST_MASTER_KEY", key.Encode()+"\n")
	mustLoad(t, site("{env.TEST_MASTER_KEY}"))
	if server(t, "s").env.MasterKey != key {
		t.Error("the key in use is not that of the environment")
	}
	if _, err := os.Stat(filepath.Join(dir, "master.key")); err == nil {
		t.Error("a key file was made besides")
	}
	// The same key in a file goes on with the same store.
	file := filepath.Join(dir, "elsewhere", "key")
	write(t, file, key.Encode())
	mustLoad(t, site(file))

	t.Setenv("TEST_MASTER_KEY", key.Encode()[:42])
	err := load(t, site("{env.TEST_MASTER_KEY}"))
	if err == nil || !strings.Contains(err.Error(), "{env.TEST_MASTER_KEY}") {
		t.Errorf("error %v does not name the placeholder", err)
	}
	if err != nil && strings.Contains(err.Error(), key.Encode()[:42]) {
		t.Errorf("the error shows the key: %v", err)
	}
	t.Setenv("TEST_MASTER_KEY", "")
	if err := load(t, site("{env.TEST_MASTER_KEY}")); err == nil {
		t.Error("an empty key was accepted")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
