package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A hundred reloads under load: no failed request, no lost session. A connection
// that is reset without an answer is tried again (person.send): that happens to
// plain Caddy too.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	b := startBox(t, "")
	alice := newPerson(t)
	alice.open(b.gate+"/").onLogin(b.server).signIn("alice", password)

	stop := make(chan struct{})
	var served, signedIn atomic.Int64
	var wg sync.WaitGroup
	for range 4 { // signed in, page after page
		p := alice.tab()
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, _ := http.NewRequest("GET", b.gate+"/", nil)
				resp, err := p.send(r)
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 || !strings.Contains(string(body), `"Remote-User":["alice"]`) {
					t.Errorf("a signed-in request got %s\n%s", resp.Status, body)
					return
				}
				served.Add(1)
			}
		})
	}
	wg.Go(func() { // new people sign in meanwhile
		for {
			select {
			case <-stop:
				return
			default:
			}
			p := newPerson(t)
			if err := p.try("GET", b.gate+"/new", nil); err != nil {
				t.Errorf("a sign-in failed: %v", err)
				return
			}
			if p.status != 200 || !strings.Contains(p.body, "login-submit") {
				t.Errorf("a sign-in came to %s with %d\n%s", p.url, p.status, p.body)
				return
			}
			p.signIn("bob", password) // of one person only the newest hundred sessions are kept
			if p.status != 200 || p.url.String() != b.gate+"/new" {
				t.Errorf("a sign-in came to %s with %d\n%s", p.url, p.status, p.body)
				return
			}
			signedIn.Add(1)
		}
	})
	for i := range 100 {
		// Each is another config, as Caddy skips what did not change.
		more := fmt.Sprintf("header X-Reload username\n\t\theader Remote-User username\n\t\theader X-Reload-%d email", i%3)
		if err := b.reload(boxFile(b.server, b.gate, b.app.addr, more)); err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
		if t.Failed() {
			break
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d requests and %d sign-ins during 100 reloads", served.Load(), signedIn.Load())
	if served.Load() == 0 || signedIn.Load() == 0 {
		t.Error("there was no load")
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	b := startBox(t, "")
	p := newPerson(t)
	p.open(b.gate+"/").onLogin(b.server).signIn("bob", password)

	t.Run("a changed setting is in force", func(t *testing.T) {
		if err := b.reload(boxFile(b.server, b.gate, b.app.addr, "allow group staff")); err != nil {
			t.Fatal(err)
		}
		p.open(b.gate+"/").at(b.gate+"/", 403)
		if err := b.reload(boxFile(b.server, b.gate, b.app.addr, "")); err != nil {
			t.Fatal(err)
		}
		p.open(b.gate+"/").at(b.gate+"/", 200)
	})

	t.Run("a config that cannot start leaves the old one running", func(t *testing.T) {
		for what, file := range map[string]string{
			"an unknown option":      boxFile(b.server, b.gate, b.app.addr, "alow group staff"),
			"a gate with no server":  fmt.Sprintf("%s {\n\tauth_client https://nowhere.example\n}\n", b.gate),
			"a database that is not": "{\n\tauth {\n\t\tstore bbolt " + garbageFile(t) + "\n\t}\n}\n" + boxFile(b.server, b.gate, b.app.addr, ""),
		} {
			if err := b.reload(file); err == nil {
				t.Errorf("%s was loaded", what)
			}
			p.open(b.gate+"/").at(b.gate+"/", 200)
			newPerson(t).open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
		}
	})

	t.Run("validate works beside it and touches nothing", func(t *testing.T) {
		file := b.write(boxFile(b.server, b.gate, b.app.addr, ""))
		before := untouched(t, b.dataDir())
		begun := time.Now()
		out, err := b.command("", "validate", "--config", file, "--adapter", "caddyfile")
		if err != nil || !strings.Contains(out, "Valid configuration") {
			t.Errorf("validate: %v\n%s", err, out)
		}
		t.Logf("validate took %s", time.Since(begun))
		if after := untouched(t, b.dataDir()); after != before {
			t.Errorf("validate changed the data directory from\n%s\nto\n%s", before, after)
		}
	})

	t.Run("validate of a new installation makes none", func(t *testing.T) {
		c := newCaddy(t)
		file := c.write(boxFile(b.server, b.gate, b.app.addr, ""))
		if out, err := c.command("", "validate", "--config", file, "--adapter", "caddyfile"); err != nil {
			t.Errorf("validate: %v\n%s", err, out)
		}
		if _, err := os.Stat(filepath.Join(c.dataDir(), "caddyito")); err == nil {
			t.Error("validate made a data directory")
		}
	})
}

func garbageFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// untouched lists the files of a data directory as listFiles does, but only the
// names of those that the running Caddy itself writes.
func untouched(t *testing.T, dir string) string {
	t.Helper()
	return regexp.MustCompile(`(/auth\.db(\.wal)?) .*`).ReplaceAllString(listFiles(t, dir), "$1")
}

// listFiles lists all files with their sizes and times.
func listFiles(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			fmt.Fprintln(&list, path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
