package gate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/internal/owncookie"
	"github.com/caddyito/caddyito/store"
)

var spoofed = []string{
	"Remote~User", "Remote!User", "Remote'Groups", "remote+email", "Remote-User", "remote-user", "REMOTE-USER", "Remote_User", "remote_user", "Remote.User", "rEmOtE_uSeR",
	"Remote-Groups", "remote_groups", "Remote.Email", "X-Company-Name", "X_Company.Name",
}

func TestIdentityHeadersOfTheClientAreDeleted(t *testing.T) {
	house := newHouse(t, func(c *Config) { c.Headers = append(DefaultHeaders(), Header{"X-Company-Name", "company.name"}) })
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	stranger := newBrowser(house.gate)
	for _, name := range spoofed {
		for who, c := range map[string]*browser{"signed in": b, "stranger": stranger} {
			r := c.request("GET", "/public/x")
			r.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{"root"}
			r.Header[name] = []string{"root", "root"}
			r.Header.Set("X-Harmless", "1")
			r.Header.Set("Remote-Users", "1")
			w := httptest.NewRecorder()
			serve(house.gate, w, r)
			got := seen(t, w)
			for n, v := range got {
				if slices.Contains(v, "root") {
					t.Errorf("%s, %s: the app was given %s: %q", who, name, n, v)
				}
			}
			if got.Get("X-Harmless") != "1" || got.Get("Remote-Users") != "1" {
				t.Errorf("%s: a header of the app is gone", who)
			}
		}
	}
	if got := seen(t, b.get("/")); len(got.Values("Remote-User")) != 1 {
		t.Errorf("Remote-User: %q", got.Values("Remote-User"))
	}
}

// An app that takes its user from Remote-User may stand behind a gate that sets other
// headers, or none: nobody else says there who they are.
func TestDefaultHeadersAreNobodysWhateverIsSet(t *testing.T) {
	for what, headers := range map[string][]Header{"others": {{"X-Company", "company.name"}}, "none": {}} {
		f := NewFront(headers, "", "", nil)
		r := request("GET", "https://wiki.example.com/", http.Header{
			"Remote-User": {"root"}, "remote_groups": {"admins"}, "X-Harmless": {"1"}, "Connection": {"Remote-Name, close"},
		})
		f.CleanHeaders(r)
		if len(r.Header) != 2 || r.Header.Get("X-Harmless") != "1" || r.Header.Get("Connection") != "close" {
			t.Errorf("%s: the app was given %v", what, r.Header)
		}
	}
}

func TestIdentityHeadersNamedInConnection(t *testing.T) {
	g := bareGate(t)
	for line, want := range map[string]string{
		"close": "close", "Upgrade": "Upgrade", "keep-alive, Remote-User": "keep-alive", "remote_user,close": "close",
		"Remote-User": "", "a,  b": "a,  b", " Remote-User , x ,remote.groups": "x",
	} {
		r := request("GET", "https://wiki.example.com/", http.Header{"Connection": {line, "te"}})
		g.CleanHeaders(r)
		if got := r.Header["Connection"]; len(got) != 2 || got[0] != want || got[1] != "te" {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

// Trailers come through a real server: net/http adds those that were not
// announced only when the body has been read.
func TestIdentityHeadersInTrailers(t *testing.T) {
	g := bareGate(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "wiki.example.com"
		g.CleanHeaders(r)
		io.Copy(io.Discard, r.Body)
		json.NewEncoder(w).Encode(r.Trailer)
	}))
	defer server.Close()
	for _, announced := range []string{"Remote-User, X-Sum", "X-Sum", ""} {
		for _, name := range []string{"Remote-User", "remote_user", "Remote.Groups"} {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			trailer := ""
			if announced != "" {
				trailer = "Trailer: " + announced + "\r\n"
			}
			fmt.Fprintf(conn, "POST /public/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%s\r\n1\r\na\r\n0\r\n%s: root\r\nX-Sum: 1\r\n\r\n", trailer, name)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			conn.Close()
			if strings.Contains(strings.ToLower(string(body)), "remote") {
				t.Errorf("announced %q: the app was given %s", announced, body)
			}
			if announced != "" && !strings.Contains(string(body), "X-Sum") {
				t.Errorf("announced %q: the app's own trailer is gone: %s", announced, body)
			}
		}
	}
}

func TestAuthorizationOfTheApp(t *testing.T) {
	for mode, want := range map[string]string{"": "Basic x", "pass": "Basic x", "strip": ""} {
		g := bareGate(t, func(c *Config) { c.Authorization = mode })
		r := request("GET", "https://wiki.example.com/public/x", h("Authorization", "Basic x"))
		g.CleanHeaders(r)
		if got := r.Header.Get("Authorization"); got != want {
			t.Errorf("%q: %q, want %q", mode, got, want)
		}
	}
}

func TestValuesThatCannotBeHeaders(t *testing.T) {
	house := newHouse(t)
	house.ours()
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	for _, bad := range []string{"a\r\nRemote-User: root", "a\nb", "a\x00", "a\x7f", "a\u0085b", "a\u2028b", "\xff", " root", "root ", "root\t", "\u00a0root"} {
		house.setUser("1", func(r *store.Record) {
			r.Fields["email"], r.Fields["username"] = bad, bad
			r.Fields["groups"] = []string{"ok", bad, "x,admin"}
		})
		got := seen(t, b.get("/"))
		if len(got["Remote-Email"])+len(got["Remote-User"]) != 0 || got.Get("Remote-Groups") != "ok" {
			t.Errorf("%q: %v", bad, got)
		}
	}
	house.setUser("1", func(r *store.Record) { r.Fields["first_name"] = "Zoë" })
	if got := seen(t, b.get("/")).Get("Remote-Name"); got != "Zoë Lee" {
		t.Errorf("Remote-Name %q", got)
	}
}

// Whoever comes after the gate may change the headers of the request in place.
func TestIdentitiesAreNotSharedWithTheRequest(t *testing.T) {
	house := newHouse(t)
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	r := b.request("GET", "/")
	d := house.gate.Decide(r)
	house.gate.Apply(r, d)
	for name := range r.Header {
		_ = append(r.Header[name], "added")
	}
	for name, v := range r.Header {
		if slices.Contains(v, "added") {
			t.Errorf("adding to another header changed %s", name)
		}
	}
	for name := range r.Header {
		v := r.Header[name]
		for i := range v {
			v[i] = "changed"
		}
		r.Header[name] = append(v, "added")
	}
	if got := r.Header["Remote-Email"]; len(got) != 2 || got[0] != "changed" {
		t.Errorf("values touch each other: %q", r.Header)
	}
	groups := d.Identity.Groups()
	groups[0] = "changed"
	names := d.Identity.Names()
	names[0] = "changed"
	got := seen(t, b.get("/"))
	if got.Get("Remote-User") != "ann" || got.Get("Remote-Groups") != "dev,staff" || !d.Identity.InGroup("dev") {
		t.Errorf("the identity changed: %v", got)
	}
}

func TestIdentityValues(t *testing.T) {
	house := newHouse(t)
	house.ours()
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	id := house.gate.Decide(b.request("GET", "/")).Identity
	for name, want := range map[string]string{
		"id": "1", "username": "ann", "email": "ann@example.com", "name": "Ann Lee", "groups": "dev,staff", "is_staff": "true",
		"email_verified": "true", "company": "7", "company.id": "7", "company.name": "Acme", "company.primary_activity": "Buyer",
		"company.country": "2", "company.country.name": "Norway",
	} {
		if got, ok := id.Value(name); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "nope", "company.nope", "company.country.name.x", "company.", "password"} {
		if got, ok := id.Value(name); ok {
			t.Errorf("%q: %q", name, got)
		}
	}
	if id.ID() != "1" || !id.InGroup("staff") || id.InGroup("sta") || id.InGroup("") {
		t.Error("id or groups")
	}
}

func TestRelationsInACircle(t *testing.T) {
	house := newHouse(t)
	house.ours()
	b := newBrowser(house.gate)
	wantStatus(t, b.signIn(house.issuer, "/"), 303)
	house.update(func(tx store.WriteTx) error {
		for i := int64(7); i < 10; i++ {
			err := tx.PutMirrorRecord("wiki", &store.Record{Type: "company", ID: fmt.Sprint(i), Version: 50, Fields: store.Fields{
				"name": fmt.Sprint("C", i), "parent": store.Ref{Type: "company", ID: (i-7+1)%3 + 7}, "sister": store.Ref{Type: "company", ID: i}, "gone": store.Ref{Type: "company", ID: 99},
			}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	id := house.gate.Decide(b.request("GET", "/")).Identity
	if v, _ := id.Value("company.parent.name"); v != "C8" {
		t.Errorf("company.parent.name %q", v)
	}
	if v, ok := id.Value("company.gone"); !ok || v != "99" {
		t.Errorf("company.gone %q", v)
	}
	if len(id.Names()) > maxValues {
		t.Errorf("%d values", len(id.Names()))
	}
	if w := b.get("/oidc/me"); w.Code != 200 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("me: %d %s", w.Code, w.Body)
	}
}

func FuzzCleanHeaders(f *testing.F) {
	for _, s := range spoofed {
		f.Add(s, "root", "close, "+s)
	}
	f.Add("Connection", "Remote-User", "Remote_User\t,,")
	g := bareGate(f)
	fold := strings.NewReplacer("_", "-", ".", "-")
	f.Fuzz(func(t *testing.T, name, value, connection string) {
		r := request("GET", "https://wiki.example.com/public/x", http.Header{name: {value}, "Connection": {connection}})
		r.Trailer = http.Header{name: nil}
		r.Body = io.NopCloser(strings.NewReader("x"))
		g.CleanHeaders(r)
		for _, managed := range g.managed.names {
			for _, header := range []http.Header{r.Header, r.Trailer} {
				for n := range header {
					if fold.Replace(strings.ToLower(n)) == managed {
						t.Fatalf("%q stays", n)
					}
				}
			}
			for _, line := range r.Header["Connection"] {
				for token := range strings.SplitSeq(line, ",") {
					if fold.Replace(strings.ToLower(strings.Trim(token, " \t"))) == managed {
						t.Fatalf("Connection still names %q", token)
					}
				}
			}
		}
	})
}

func TestCookies(t *testing.T) {
	good := strings.Repeat("aB3-_", 9)[:secretLen]
	for name, c := range map[string]struct {
		lines []string
		ok    bool
	}{
		"alone":                   {[]string{"s=" + good}, true},
		"among others":            {[]string{"a=1; s=" + good + "; b=2"}, true},
		"in a second header":      {[]string{"a=1", "s=" + good}, true},
		"without spaces":          {[]string{"a=1;s=" + good}, true},
		"none":                    {nil, false},
		"other case":              {[]string{"S=" + good}, false},
		"twice":                   {[]string{"s=" + good + "; s=" + good}, false},
		"twice, once malformed":   {[]string{"s=x; s=" + good}, false},
		"twice, in two headers":   {[]string{"s=" + good, "s =" + good}, false},
		"short":                   {[]string{"s=" + good[1:]}, false},
		"long":                    {[]string{"s=" + good + "a"}, false},
		"huge":                    {[]string{"s=" + strings.Repeat("a", 1<<20)}, false},
		"quoted":                  {[]string{`s="` + good + `"`}, false},
		"other characters":        {[]string{"s=" + good[1:] + "="}, false},
		"NUL":                     {[]string{"s=" + good[1:] + "\x00"}, false},
		"no value":                {[]string{"s"}, false},
		"empty":                   {[]string{"s="}, false},
		"in the value of another": {[]string{"a=s=" + good}, false},
		"longer name":             {[]string{"xs=" + good + "; s2=" + good}, false},
	} {
		v, ok := secretCookie(http.Header{"Cookie": c.lines}, "s")
		if ok != c.ok || ok && v != good {
			t.Errorf("%s: %q %v", name, v, ok)
		}
	}
	for line, want := range map[string]string{
		"a=1; s=x; b=2": "a=1; b=2", "s=x; a=1": "a=1", "a=1; s=x": "a=1", "s=x": "", "s=x; t=y": "", "a=1;s=x;b= 2 ": "a=1;b= 2 ",
		"a=1;  b=2": "a=1;  b=2", "a=\"s=x\"": "a=\"s=x\"", "s": "", "s =x; a": "a", "; s=x; ;a": "; ;a",
	} {
		line = strings.NewReplacer("s=", "caddyito-s=", "s =", "caddyito-s =", "t=", "__Host-caddyito-t-browser=").Replace(line)
		want = strings.ReplaceAll(want, "s=", "caddyito-s=")
		if line == "s" {
			line = "caddyito-s"
		}
		header := http.Header{"Cookie": {line, "keep=1"}}
		lines := slices.Clone(header["Cookie"])
		before := header["Cookie"]
		if removeCookies(header, nil) && !slices.Equal(before, lines) {
			t.Errorf("%q became %q for another gate", lines, before)
		}
		got := header["Cookie"]
		wanted := []string{want, "keep=1"}
		if want == "" {
			wanted = wanted[1:]
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("%q became %q, want %q", line, got, wanted)
		}
	}
}

// All ports of a host share one jar, also on https: the app must see the cookies
// of no gate and no server. A server behind the gate needs its own.
func TestCookiesOfOthers(t *testing.T) {
	sent := "a=1; __Host-caddyito-wiki=x; __Host-caddyito-server=y; __Host-caddyito-server-csrf=z; caddyito-server-9080=v; caddyito-x=w; b=caddyito-x"
	for issuer, want := range map[string]string{
		testIssuer:                      "a=1; b=caddyito-x",
		"https://wiki.example.com":      "a=1; __Host-caddyito-server=y; __Host-caddyito-server-csrf=z; b=caddyito-x",
		"https://wiki.example.com:8443": "a=1; b=caddyito-x",
	} {
		g := bareGate(t, func(c *Config) { c.Issuer = issuer })
		r := request("GET", "https://wiki.example.com/public/x", h("Cookie", sent))
		before := r.Header["Cookie"]
		if !g.Apply(r, g.Decide(r)) || before[0] != sent {
			t.Errorf("%s: another gate gets %q", issuer, before)
		}
		if got := r.Header.Get("Cookie"); got != want {
			t.Errorf("%s: the app gets %q", issuer, got)
		}
		own := request("GET", "https://wiki.example.com/public/x", h("Cookie", "__Host-caddyito-wiki=x; a=1"))
		if g.Apply(own, g.Decide(own)) || own.Header.Get("Cookie") != "a=1" {
			t.Errorf("%s: the app gets %q", issuer, own.Header["Cookie"])
		}
	}
}

func FuzzCookies(f *testing.F) {
	good := strings.Repeat("aB3-_", 9)[:secretLen]
	f.Add("a=1; s=" + good)
	f.Add("s=" + good + "; s=" + good)
	f.Add(`a="; s=x`)
	f.Add("s=" + good + ";s")
	f.Add("s=x;;t=y; =; b")
	f.Add("caddyito-s=" + good)
	f.Add("caddyito-s=;")
	f.Add("caddyito-s =" + good)
	f.Add("caddyito-s=x;;__Host-caddyito-t=y; =; b; __Host-a=caddyito-s")
	f.Fuzz(func(t *testing.T, line string) {
		header := http.Header{"Cookie": {line}}
		v, ok := secretCookie(header, "s")
		if ok && (!isSecret(v) || strings.Count(line, v) == 0) {
			t.Fatalf("%q gave %q", line, v)
		}
		r := &http.Request{Header: http.Header{"Cookie": {line}}}
		if n := len(r.CookiesNamed("s")); ok && n > 1 {
			t.Fatalf("%q has %d cookies, but gave one", line, n)
		}
		removeCookies(header, nil)
		left := &http.Request{Header: header}
		if slices.ContainsFunc(left.Cookies(), func(c *http.Cookie) bool { return owncookie.Named(c.Name) }) {
			t.Fatalf("%q became %q", line, header)
		}
		others := func(r *http.Request) (all []string) {
			for _, c := range r.Cookies() {
				if !owncookie.Named(c.Name) {
					all = append(all, c.String())
				}
			}
			return
		}
		if !slices.Equal(others(r), others(left)) {
			t.Fatalf("%q became %q", line, header)
		}
		// What takes a short cut where there is nothing but o's does the same.
		o := &origin{sessionCookie: "caddyito-s", browserCookie: "caddyito-s-browser"}
		short, long := http.Header{"Cookie": {line}}, http.Header{"Cookie": {line, "z=1"}}
		othersShort, othersLong := removeCookies(short, o), removeCookies(long, o)
		if othersShort != othersLong || !slices.Equal(append(short["Cookie"], "z=1"), long["Cookie"]) {
			t.Fatalf("%q became %q (%v), with another line %q (%v)", line, short, othersShort, long, othersLong)
		}
	})
}
