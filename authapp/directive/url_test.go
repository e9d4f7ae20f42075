package directive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	t.Setenv("SET", "value")
	t.Setenv("EMPTY", "")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, want, err string }{
		{"plain", "plain", ""},
		{"{env.SET}", "value", ""},
		{"https://{env.SET}/x", "https://value/x", ""},
		{"{file." + file + "}", "from a file", ""},
		{"hunter2{env.EMPTY}", "", "env.EMPTY"},
		{"hunter2{env.NOT_SET}", "", "env.NOT_SET"},
		{"{env.EMPTY}", "", "; set EMPTY in the environment of Caddy (with systemd: systemctl edit caddy"},
		{"{env.SET}{env.NOT_SET}", "", "; set NOT_SET in the environment"},
		{"hunter2{no.such}", "", "no.such"},
	} {
		got := c.in
		err := Expand("secret", &got)
		if (err == nil) != (c.err == "") || err == nil && got != c.want {
			t.Errorf("%q becomes %q (%v)", c.in, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: it says %v", c.in, err)
		}
	}
}
