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

func FuzzCheckRedirect(f *testing.F) {
	for _, s := range []string{"https://wiki.example.com/cb", "http://[::1]:8400/cb?x=1", "//evil", "https:/x", "javascript://x/%0aalert(1)", "https://a@b/c", "https://x#", "HTTPS://X/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckRedirect("redirect", s) != nil {
			return
		}
		lower := strings.ToLower(s)
		if !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") || strings.ContainsAny(s, "#*\r\n") {
			t.Errorf("CheckRedirect lets %q pass", s)
		}
	})
}

func TestCheckPublicRedirect(t *testing.T) {
	for _, s := range []string{"com.example.app:/cb", "com.example.app://cb/x?y=1", "com.example.app:cb", "http://127.0.0.1/cb", "http://[::1]/cb", "https://spa.example.com/cb"} {
		if err := CheckPublicRedirect("redirect", s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"javascript:alert(1.5)", "data:text/html,a.b", "vbscript:x", "file:///etc/x.y", "blob:x.y", "myapp:/cb", "about:blank",
		"com.example.app:", "com.example.app:/cb#x", "com.example.app:/*", "com.example.app:/c b", "com.example.app:/<b>", "com.example.app://me@x/", "/cb", "", "//x.y/cb", "https:/x"} {
		if CheckPublicRedirect("redirect", s) == nil {
			t.Errorf("%q passes", s)
		}
	}
}
