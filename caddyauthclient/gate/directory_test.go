package gate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

const directoryToken = "0123456789abcdef0123456789abcdef"

// directoryHouse has 25 users, of whom 7 was deleted and 8 left nothing, and a
// company.
func directoryHouse(t *testing.T, d *Directory) *house {
	h := newHouse(t, func(c *Config) { c.Directory = d })
	h.update(func(tx store.WriteTx) error {
		if err := tx.PutMirrorState("wiki", store.MirrorState{FeedID: "f", Seq: 100}); err != nil {
			return err
		}
		for i := 1; i <= 25; i++ {
			rec := &store.Record{Type: "user", ID: fmt.Sprint(i), Version: uint64(i), Deleted: i == 7 || i == 8, Fields: store.Fields{
				"username": fmt.Sprintf("User%d", i), "is_active": i != 7, "is_superuser": true, "is_staff": true,
				"groups": []string{"dev"}, "company": store.Ref{Type: "company", ID: int64(i % 2)},
			}}
			if i == 8 {
				rec.Fields = nil
			}
			if err := tx.PutMirrorRecord("wiki", rec); err != nil {
				return err
			}
		}
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "company", ID: "1", Version: 100, Fields: store.Fields{"name": "Acme"}})
	})
	return h
}

func (h *house) ask(target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "https://wiki.example.com"+target, nil)
	r.RemoteAddr = "127.0.0.1:1234"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	d := h.gate.Decide(r)
	if d.Verdict == Own {
		h.gate.ServeOwn(w, r)
	} else {
		h.gate.Refuse(w, r, d)
	}
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestDirectoryPages(t *testing.T) {
	h := directoryHouse(t, &Directory{Allow: []string{"127.0.0.1/8"}})
	items := func(target string) (all []map[string]any) {
		for pages := 0; target != ""; pages++ {
			var p struct {
				Seq   uint64
				Feed  string
				Items []map[string]any
				Next  string
			}
			w := h.ask(target)
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 || p.Seq != 100 || p.Feed != "f" || pages > 30 {
				t.Fatalf("%s: %d %s", target, w.Code, w.Body)
			}
			all, target = append(all, p.Items...), p.Next
		}
		return all
	}
	for target, want := range map[string]int{
		"/oidc/users": 24, "/oidc/users?limit=1": 24, "/oidc/users?limit=7": 24, "/oidc/users/?company=1": 13,
		"/oidc/users?username=uSER3": 1, "/oidc/users?groups=dev&company=0": 11, "/oidc/users?groups=de": 0,
		"/oidc/users?updated_after=20": 5, "/oidc/users?updated_after=6&limit=3": 19, "/oidc/users?updated_after=100": 0,
		"/oidc/users/objects/company": 1, "/oidc/users/objects/none": 0, "/oidc/users?is_active=false": 1,
	} {
		if got := items(target); len(got) != want {
			t.Errorf("%s: %d records, want %d: %v", target, len(got), want, got)
		}
	}
	one := h.ask("/oidc/users/1?expand=company").Body.String()
	if want := `{"company":{"id":1,"name":"Acme","version":100},"groups":["dev"],"id":1,"is_active":true,"username":"User1","version":1}` + "\n"; one != want {
		t.Errorf("a user is %s", one)
	}
	if body := h.ask("/oidc/users/objects/company/1").Body.String(); !strings.Contains(body, "Acme") {
		t.Errorf("a company is %s", body)
	}
	for _, target := range []string{"/oidc/users/8", "/oidc/users/99", "/oidc/users/1/x", "/oidc/users/objects/user", "/oidc/users/objects/company/1/x", "/oidc/users//1", "/oidc%2fusers"} {
		if w := h.ask(target); w.Code != 404 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "after=1", "after=x-1", "updated_after=1&after=1-x", "updated_after=-1", "is_staff=true", "is_superuser=true", "a=1&a=2", "A=1", "expand=", "%zz"} {
		if w := h.ask("/oidc/users?" + query); w.Code != 400 {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	if w := h.ask("/oidc/users?feed=g"); w.Code != 410 {
		t.Errorf("another feed: %d", w.Code)
	}
	tag := h.ask("/oidc/users").Header().Get("ETag")
	if w := h.ask("/oidc/users", header("If-None-Match", `"x", W/`+tag)); tag == "" || w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("with ETag %s: %d", tag, w.Code)
	}
	h.update(func(tx store.WriteTx) error {
		return tx.PutMirrorState("wiki", store.MirrorState{FeedID: "f", View: "other fields", Seq: 100})
	})
	if w := h.ask("/oidc/users?feed=f&updated_after=100"); w.Code != 410 {
		t.Errorf("the gate is told of other fields: %d", w.Code)
	}
	if w := h.ask("/oidc/users?feed=f.other+fields&updated_after=100"); w.Code != 200 || !strings.Contains(w.Body.String(), `"feed":"f.other fields"`) {
		t.Errorf("and by their name: %d %s", w.Code, w.Body)
	}
	tag = h.ask("/oidc/users").Header().Get("ETag")
	h.setUser("1", func(*store.Record) {})
	if w := h.ask("/oidc/users", header("If-None-Match", tag)); w.Code != 200 {
		t.Errorf("after a change: %d", w.Code)
	}
}

// countingReader counts the records that are listed.
type countingReader struct {
	store.MirrorReader
	listed int
}

func (c *countingReader) MirrorRecords(mirror, typ, after string, limit int) ([]*store.Record, error) {
	list, err := c.MirrorReader.MirrorRecords(mirror, typ, after, limit)
	c.listed += len(list)
	return list, err
}

func (c *countingReader) MirrorChanges(mirror, typ string, after uint64, limit int) ([]*store.Record, error) {
	list, err := c.MirrorReader.MirrorChanges(mirror, typ, after, limit)
	c.listed += len(list)
	return list, err
}

// What changed costs what there is of it, and comes in the order in which it
// changed: so who reads page by page misses nothing that changes meanwhile.
func TestDirectoryChanges(t *testing.T) {
	h := directoryHouse(t, &Directory{Allow: []string{"127.0.0.1/8"}})
	page := func(query string) (ids []string, next string, listed int) {
		t.Helper()
		q, err := parseDirectoryQuery(query, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.store.View(t.Context(), func(tx store.ReadTx) error {
			counting := &countingReader{MirrorReader: tx}
			state, err := tx.MirrorState("wiki")
			if err != nil {
				return err
			}
			d := &directoryReader{tx: counting, mirror: "wiki", state: state, objects: map[store.Ref]*store.Record{}}
			p, err := d.page("user", q, "/oidc/users")
			if err != nil {
				return err
			}
			for _, item := range p.Items {
				var rec struct{ ID json.Number }
				if err := json.Unmarshal(item, &rec); err != nil {
					return err
				}
				ids = append(ids, rec.ID.String())
			}
			_, next, _ = strings.Cut(p.Next, "?")
			listed = counting.listed
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return ids, next, listed
	}
	check := func(query string, listed int, want ...string) (next string) {
		t.Helper()
		ids, next, n := page(query)
		if !slices.Equal(ids, want) || n != listed {
			t.Errorf("%s: %q, for which %d records were read; want %q and %d", query, ids, n, want, listed)
		}
		return next
	}
	check("updated_after=23", 2, "24", "25")
	check("updated_after=25", 0)
	next := check("updated_after=4&limit=3", 3, "5", "6", "7")
	h.setUser("9", func(r *store.Record) { r.Version = 101 }) // it is yet to come
	h.setUser("5", func(r *store.Record) { r.Version = 102 }) // it came
	next = check(next, 3, "8", "10", "11")
	var rest []string
	for next != "" {
		var ids []string
		ids, next, _ = page(next)
		rest = append(rest, ids...)
	}
	if got := strings.Join(rest, " "); got != "12 13 14 15 16 17 18 19 20 21 22 23 24 25 9 5" {
		t.Errorf("the other pages have %s", got)
	}
	check("updated_after=4&groups=none", 21)
}

// Nobody but a program that connects directly from an allowed network finds
// anything, and nobody learns why.
func TestDirectoryIsClosed(t *testing.T) {
	h := directoryHouse(t, &Directory{Path: "/dir", Allow: []string{"127.0.0.1/8", "::1"}, Token: directoryToken})
	bearer := header("Authorization", "Bearer "+directoryToken)
	if w := h.ask("/dir", bearer); w.Code != 200 {
		t.Fatalf("the app gets %d", w.Code)
	}
	from := func(addr string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = addr }
	}
	if w := h.ask("/dir", bearer, from("[::ffff:127.9.9.9]:1")); w.Code != 200 {
		t.Errorf("127.9.9.9 as IPv6: %d", w.Code)
	}
	for name, change := range map[string]func(*http.Request){
		"elsewhere": from("192.0.2.1:1"), "no address": from("@"), "link-local": from("[fe80::1%lo]:1"),
		"no token": func(r *http.Request) { r.Header.Del("Authorization") }, "another token": header("Authorization", "Bearer x"),
		"another scheme": header("Authorization", "Basic "+directoryToken),
		"two tokens":     func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") },
		"a page":         header("Origin", "https://wiki.example.com"), "a browser": header("Sec-Fetch-Site", "same-origin"),
		"a proxy": header("X-Forwarded-For", "127.0.0.1"), "another proxy": header("Forwarded", "for=127.0.0.1"), "via": header("Via", "1.1 x"),
	} {
		if w := h.ask("/dir", bearer, change); w.Code != 404 || strings.Contains(w.Body.String(), "User1") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := h.ask("/dir", bearer, func(r *http.Request) { r.Host = "evil.example" }); w.Code != 400 {
		t.Errorf("another host: %d", w.Code)
	}
	for _, d := range []Directory{{}, {Allow: []string{"0.0.0.0/0"}}, {Allow: []string{"x"}}, {Path: "/oidc", Allow: []string{"::1"}}, {Path: "/oidc/me", Allow: []string{"::1"}}, {Path: "/a/../b", Allow: []string{"::1"}}} {
		if d.Check("") == nil {
			t.Errorf("%+v passes", d)
		}
	}
}

func FuzzDirectoryQuery(f *testing.F) {
	for _, s := range []string{"limit=3&after=4-5", "expand=company.country,x", "updated_after=18446744073709551616", "%", "a=1&a=2", "username=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseDirectoryQuery(raw, false)
		if err != nil {
			return
		}
		if q.limit < 1 || q.limit > maxDirectoryLimit || q.filters["is_superuser"] != "" || q.filters["is_staff"] != "" {
			t.Errorf("%q: %+v", raw, q)
		}
	})
}
