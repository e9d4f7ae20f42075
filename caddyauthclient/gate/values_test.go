package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/caddyito/caddyito/store"
)

func FuzzPackValues(f *testing.F) {
	f.Add("", "\x01")
	f.Add("ann\x01ann@example.com\x01\x01dev,staff", "\x01")
	f.Add(strings.Repeat("x", 70_000)+"|y|", "|") // ends that need more than two bytes
	f.Add("\xff\xfe\x00\x00", "\x00")
	f.Fuzz(func(t *testing.T, text, separator string) {
		list := strings.Split(text, separator)
		v := packValues(list)
		for i, want := range list {
			if got := v.at(i); got != want {
				t.Fatalf("value %d of %q is %q", i, list, got)
			}
		}
		if want := 4*(len(list)+1) + len(strings.Join(list, "")); len(v.packed) != want {
			t.Fatalf("%d bytes, want %d", len(v.packed), want)
		}
	})
}

func TestPackValuesEdges(t *testing.T) {
	if v := packValues(nil); len(v.packed) != 4 {
		t.Errorf("no values take %d bytes", len(v.packed))
	}
	// Ends on both sides of each byte of the offsets, and empty values between.
	var list []string
	for _, n := range []int{0, 1, 254, 255, 256, 257, 0, 0, 65_534, 65_535, 65_536, 1 << 20, 1 << 24, 0} {
		list = append(list, strings.Repeat(string(rune('a'+len(list))), n))
	}
	v := packValues(list)
	for i, want := range list {
		if got := v.at(i); got != want {
			t.Errorf("value %d has %d bytes, want %d, or is another's", i, len(got), len(want))
		}
	}
}

// signedInWith is the identity of a person of the house whose records the test
// changes.
func signedInWith(t *testing.T, h *house, change func(tx store.WriteTx, user *store.Record) error) Decision {
	t.Helper()
	h.ours()
	b := newBrowser(h.gate)
	wantStatus(t, b.signIn(h.issuer, "/"), 303)
	h.update(func(tx store.WriteTx) error {
		user, err := tx.MirrorRecord("wiki", store.UserType, "1")
		if err != nil {
			return err
		}
		user.Version += 100
		if err := change(tx, user); err != nil {
			return err
		}
		return tx.PutMirrorRecord("wiki", user)
	})
	return h.gate.Decide(b.request("GET", "/"))
}

// With more values than an identity takes, all that are the person's own must
// be there, and all that a rule or a header names, time after time.
func TestTooManyValuesLoseNothingThatDecides(t *testing.T) {
	const nested = "z.z.z.name"
	h := newHouse(t, func(c *Config) {
		c.Headers = []Header{{"Remote-Groups", "groups"}, {"X-Far", nested}}
		c.Allow = []Rule{{Groups: []string{"zz"}, Fields: map[string][]string{"z.fact700": {"yes"}, "is_staff": {"true"}, nested: {"Far"}}}}
	})
	many := func(tx store.WriteTx, user *store.Record) error {
		user.Fields["groups"] = []string{"aa", "zz"}
		for i := range 2 * maxValues {
			user.Fields[fmt.Sprintf("own%d", i)] = "x"
		}
		// z.z.z leads over ever new objects, each of which refers to many more.
		user.Fields["z"] = store.Ref{Type: "thing", ID: 101}
		for n := int64(101); n <= 103; n++ {
			fields := store.Fields{"name": "Near", "z": store.Ref{Type: "thing", ID: n + 1}}
			if n == 103 {
				fields["name"] = "Far"
			}
			for i := range 800 {
				fields[fmt.Sprintf("fact%d", i)] = "yes"
				fields[fmt.Sprintf("to%d", i)] = store.Ref{Type: "thing", ID: 101 + int64(i%3)}
			}
			if err := tx.PutMirrorRecord("wiki", &store.Record{Type: "thing", ID: fmt.Sprint(n), Version: 1, Fields: fields}); err != nil {
				return err
			}
		}
		return nil
	}
	d := signedInWith(t, h, many)
	if d.Verdict != Pass {
		t.Fatalf("%v: a rule misses a value", d.Verdict)
	}
	id := d.Identity
	for name, want := range map[string]string{
		"id": "1", "username": "ann", "name": "Ann Lee", "groups": "aa,zz", "z": "101", "z.z": "102", nested: "Far", "z.fact700": "yes",
	} {
		if got, ok := id.Value(name); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", name, got, ok, want)
		}
	}
	for i := range 2 * maxValues {
		if _, ok := id.Value(fmt.Sprintf("own%d", i)); !ok {
			t.Fatalf("own%d is lost", i)
		}
	}
	if n := len(id.Names()); n > 2*maxValues+100 {
		t.Errorf("%d values: there is no bound", n)
	}
	if !strings.Contains(h.log.String(), "more than an identity holds") {
		t.Error("nobody is told")
	}
	r := newBrowser(h.gate).request("GET", "/")
	h.gate.Apply(r, d)
	if r.Header.Get("Remote-Groups") != "aa,zz" || r.Header.Get("X-Far") != "Far" {
		t.Errorf("headers %v", r.Header)
	}

	// What is not held cannot be told, and must not count as absent: somebody may
	// have written "not".
	for name, unsure := range map[string]bool{"z.fact1": true, "z.z.fact1": true, nested: false, "username": false, "nope": false, "z.fact700": false} {
		matched, err := Rule{Fields: map[string][]string{name: {"yes"}}}.PersonMatcher().Matches(id)
		if (err != nil) != unsure || matched && unsure {
			t.Errorf("%s: matches %v, error %v", name, matched, err)
		}
	}
}

func TestTheNearestObjectsAreHeld(t *testing.T) {
	h := newHouse(t)
	grow := func(tx store.WriteTx, user *store.Record) error {
		for i := range int64(40) {
			ref := store.Ref{Type: "thing", ID: i + 1}
			user.Fields[fmt.Sprintf("a%02d", i)] = ref
			fields := store.Fields{"name": "Thing"}
			for j := range int64(40) {
				fields[fmt.Sprintf("b%02d", j)] = store.Ref{Type: "thing", ID: j + 1}
			}
			if err := tx.PutMirrorRecord("wiki", &store.Record{Type: "thing", ID: fmt.Sprint(i + 1), Version: 1, Fields: fields}); err != nil {
				return err
			}
		}
		return nil
	}
	id := signedInWith(t, h, grow).Identity
	names := id.Names()
	for i := range 10 {
		if name := fmt.Sprintf("a%02d.name", i); !slices.Contains(names, name) {
			t.Errorf("%s is left out", name)
		}
	}
	if len(names) > maxValues {
		t.Errorf("%d values", len(names))
	}
	for range 5 { // maps have no order; what is left out must have
		h.gate.people.dropAll()
		again, err := h.gate.identity(t.Context(), newSession(store.Hash{}, &store.Session{Subject: "1"}))
		if err != nil || !slices.Equal(again.Names(), names) {
			t.Fatalf("another time other values: %v", err)
		}
	}
}

func TestWhatIsNoListOfGroups(t *testing.T) {
	for name, groups := range map[string]any{
		"text": "dev,staff", "true": true, "number": int64(7), "object": store.Ref{Type: "company", ID: 7},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *Config) { c.Allow = []Rule{{Groups: []string{"staff", "7", "true", ""}}} })
			d := signedInWith(t, h, func(_ store.WriteTx, user *store.Record) error {
				user.Fields["groups"] = groups
				return nil
			})
			if d.Verdict != Forbidden {
				t.Errorf("%v", d.Verdict)
			}
			if v, ok := d.Identity.Value("groups"); ok || d.Identity.Groups() != nil {
				t.Errorf("groups %q", v)
			}
		})
	}
}

func TestGroupsThatLookLikeOthers(t *testing.T) {
	h := newHouse(t)
	id := signedInWith(t, h, func(_ store.WriteTx, user *store.Record) error {
		user.Fields["groups"] = []string{"dev", "a,staff", "dev", "", " lead", "st\naff", "staffer"}
		user.Fields["id"] = "99"
		return nil
	}).Identity
	if got := id.Groups(); !slices.Equal(got, []string{"dev", "staffer"}) {
		t.Errorf("groups %q", got)
	}
	for _, name := range []string{"staff", "a,staff", "a", "", "dev,staffer", "lead", "de"} {
		if id.InGroup(name) {
			t.Errorf("in %q", name)
		}
	}
	if v, _ := id.Value("id"); v != "1" || id.ID() != "1" {
		t.Errorf("id %q: a field took its place", v)
	}
}

// Every request reads one of each, mostly out of memory: none must straddle two lines
// of the processor's cache.
func TestWhatARequestReadsIsOneLine(t *testing.T) {
	for what, size := range map[string]uintptr{
		"a session": unsafe.Sizeof(session{}), "an identity": unsafe.Sizeof(Identity{}), "a bucket": unsafe.Sizeof(sessionBucket{}),
	} {
		if size != 64 {
			t.Errorf("%s has %d bytes, want 64", what, size)
		}
	}
}
