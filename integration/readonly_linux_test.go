package integration

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// readOnly is how to run a program that sees a folder on a disk that is mounted
// read-only, which stays as it is for everybody else. Modes of files would not do: they
// hold nobody back who is root.
func readOnly(t *testing.T, dir string, program ...string) *exec.Cmd {
	t.Helper()
	const mount = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`
	for _, how := range [][]string{{"--mount"}, {"--mount", "--map-root-user"}} {
		try := append(append([]string{"unshare"}, how...), "sh", "-c", mount, dir)
		if exec.Command(try[0], append(try[1:], "true")...).Run() == nil {
			return exec.Command(try[0], append(try[1:], program...)...)
		}
	}
	t.Skip("this system lets nobody have a mount of their own (unshare): a read-only disk was not tried")
	return nil
}

// files are all that lie in a folder, and what is in them.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// On a disk that is mounted read-only it does not start, and says why and what to do;
// nothing is changed, and nothing is lost when the disk can be written to again.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	file := boxFile(server, gate, "localhost:1", "")
	c := startCaddy(t, file)
	c.people()
	c.stop()
	fresh := newCaddy(t)
	if err := os.MkdirAll(fresh.dataDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, box := range map[string]*caddy{"an installation": c, "a new one": fresh} {
		before := files(t, box.dataDir())
		cmd := readOnly(t, filepath.Join(box.dir, "data"), caddyBinary, "run", "--config", box.write(file), "--adapter", "caddyfile")
		cmd.Env, cmd.Dir = box.env(), box.dir
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		if ended.Stop(); err == nil {
			t.Errorf("%s: it ends well", name)
		}
		for _, want := range []string{filepath.Join(box.dataDir(), "caddyito"), "read-only file system", "mount it for writing", "store bbolt"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, log.String())
			}
		}
		if strings.Contains(log.String(), "panic") || strings.Contains(log.String(), "goroutine ") || strings.Contains(log.String(), "damaged") {
			t.Errorf("%s: the log is\n%s", name, log.String())
		}
		after := files(t, box.dataDir())
		if len(after) != len(before) {
			t.Errorf("%s: there were %d files, and now %d", name, len(before), len(after))
		}
		for path, text := range before {
			if !bytes.Equal(text, after[path]) {
				t.Errorf("%s: %s was changed", name, path)
			}
		}
	}
	c.start(file)
	if out := c.auth("", "user", "list"); !strings.Contains(out, "alice") || !strings.Contains(out, "bob") {
		t.Errorf("on a disk that can be written to there are\n%s", out)
	}
	c.stop()
}
