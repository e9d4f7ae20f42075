package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A feed that was restored from an older backup, and has gone as far as before
// when the gate hears of it: the same numbers, the same records, other contents.
func TestBackupRestore(t *testing.T) {
	t.Parallel()
	b := startBoxes(t)
	s := b.serverCaddy
	p := newPerson(t)
	p.open(b.gate+"/").onLogin(b.server).signIn("alice", password).at(b.gate+"/", 200)
	s.auth("", "object", "set", "company", "1", "name=At the backup")
	enforced(t, p, b.gate, "renamed", companyNamed("At the backup"))

	file := filepath.Join(t.TempDir(), "auth.backup")
	s.auth("", "backup", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Fatalf("the backup: %v, %v", info, err)
	}
	if out, err := s.command("", "auth", "backup", file, "--address", s.admin); err == nil || !strings.Contains(out, "there already") {
		t.Errorf("a backup was written over another: %v\n%s", err, out)
	}
	if left, _ := filepath.Glob(file + ".*"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	s.auth("", "object", "set", "company", "1", "name=Lost")
	s.auth("", "user", "disable", "bob")
	enforced(t, p, b.gate, "renamed again", companyNamed("Lost"))
	waitFor(t, time.Minute, b.settled)

	if out, err := s.command("", "auth", "restore", file); err == nil || !strings.Contains(out, "locked by another process") {
		t.Fatalf("restored under a Caddy that runs: %v\n%s", err, out)
	}
	b.gateCaddy.stop()
	s.stop()
	key := filepath.Join(s.dataDir(), "caddyito", "master.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.command("", "auth", "restore", file); err == nil || !strings.Contains(out, "master key") {
		t.Errorf("restored without the master key: %v\n%s", err, out)
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	out, err := s.command("", "auth", "restore", file)
	if err != nil || !strings.Contains(out, "before-restore") {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	s.start(b.serverFile)
	s.auth("", "object", "set", "company", "1", "name=After the restore")
	s.auth("", "user", "set", "bob", "first_name=Robert") // the feed is where it was
	b.gateCaddy.start(b.gateFile)
	waitFor(t, time.Minute, b.settled)
	if resp := p.fetch("GET", b.gate+"/"); resp.StatusCode != 401 {
		t.Errorf("a session of the other feed goes on: %s", resp.Status)
	}
	bob := newPerson(t)
	bob.open(b.gate+"/").onLogin(b.server).signIn("bob", password).at(b.gate+"/", 200)
	me, err := bob.me(b.gate)
	if err != nil || fmt.Sprint(me["first_name"]) != "Robert" {
		t.Errorf("bob is %v, %v", me, err)
	}
	p.open(b.gate+"/").at(b.gate+"/", 200) // her session at the server was in the backup
	enforced(t, p, b.gate, "renamed after the restore", companyNamed("After the restore"))
}
