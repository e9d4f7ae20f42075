package boltstore

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

var (
	layoutDay  = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)
	layoutHash = store.HashOf("x")
)

// layouts are values to write and how each is written and read.
var layouts = []struct {
	name   string
	write  func() ([]byte, error)
	read   func(v []byte) (any, error)
	values any // what was written and is to be read
}{
	{"session", func() ([]byte, error) { return encodeSession(nil, layoutSession), nil },
		func(v []byte) (any, error) { return decodeSession("wiki", layoutHash, v) }, layoutSession},
	{"session, empty", func() ([]byte, error) { return encodeSession(nil, &store.Session{}), nil },
		func(v []byte) (any, error) { return decodeSession("", store.Hash{}, v) }, &store.Session{}},
	{"family", func() ([]byte, error) { return encodeFamily(nil, layoutFamily), nil },
		func(v []byte) (any, error) { return decodeFamily("f", "wiki", v) }, layoutFamily},
	{"token", func() ([]byte, error) { return encodeToken(nil, layoutToken), nil },
		func(v []byte) (any, error) { return decodeToken(store.KindCode, layoutHash, "f", v) }, layoutToken},
	{"user", func() ([]byte, error) { return encodeUser(layoutUser) },
		func(v []byte) (any, error) { return decodeUser(v) }, layoutUser},
	{"user, empty", func() ([]byte, error) { return encodeUser(&userValue{}) },
		func(v []byte) (any, error) { return decodeUser(v) }, &userValue{}},
	{"object", func() ([]byte, error) { return encodeObject(layoutObject) },
		func(v []byte) (any, error) { return decodeObject(v) }, layoutObject},
	{"record", func() ([]byte, error) { return encodeRecord(layoutRecord) },
		func(v []byte) (any, error) { return decodeRecord(v) }, layoutRecord},
	{"audit", func() ([]byte, error) { return encodeAudit(layoutAudit), nil },
		func(v []byte) (any, error) { return decodeAudit(auditKey(layoutDay, 7), v) }, layoutAudit},
	{"audit, bare", func() ([]byte, error) { return encodeAudit(layoutAuditBare), nil },
		func(v []byte) (any, error) { return decodeAudit(auditKey(layoutDay, 1<<64-1), v) }, layoutAuditBare},
}

var (
	layoutFields = store.Fields{
		"text": "a\x00ä", "none": "", "int": int64(math.MinInt64), "big": int64(math.MaxInt64), "yes": true, "no": false,
		"company": store.Ref{Type: "company", ID: -7}, "list": []string{"a", "", "b"}, "nothing": []string{},
	}
	layoutSession = &store.Session{
		Realm: "wiki", Hash: layoutHash, Subject: "7", SID: "sid", IDToken: strings.Repeat("x", 3000),
		CreatedAt: layoutDay, AuthTime: layoutDay, LastSeen: time.Unix(0, 0).UTC(), IdleExpiresAt: time.Time{}.Add(time.Microsecond),
		ExpiresAt: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), IP: "::1", UserAgent: "Firefox",
	}
	layoutFamily = &store.Family{
		ID: "f", ClientID: "wiki", UserID: math.MaxInt64, Scopes: []string{"openid", "email"}, SID: "sid",
		CreatedAt: layoutDay, ExpiresAt: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	layoutToken = &store.Token{
		Kind: store.KindCode, Hash: layoutHash, Family: "f", Scopes: []string{"openid"}, CreatedAt: layoutDay, ExpiresAt: layoutDay,
		RedirectURI: "https://wiki.example.com/cb", CodeChallenge: "c", Nonce: "n",
	}
	layoutUser = &userValue{
		User: store.User{
			ID: 1 << 40, Version: math.MaxUint64, Username: "ann", Email: "ann@example.com", EmailVerified: true, FirstName: "Ann", LastName: "B",
			Groups: []string{"a", "b"}, IsActive: true, IsStaff: true, IsSuperuser: true, DateJoined: layoutDay, LastLogin: layoutDay, Fields: layoutFields,
		},
		Unique: []string{"text"},
	}
	layoutObject = &objectValue{Object: store.Object{Type: "company", ID: 7, Version: 8, Fields: layoutFields}, Unique: []string{"none"}}
	layoutAudit  = &store.AuditRecord{
		ID: 7, Time: layoutDay, Action: store.ActionUserChange, Actor: store.AuditParty{Type: "operator"},
		Target: store.AuditParty{Type: "user", ID: "7", Name: "ann"}, IP: "::1", UserAgent: "Firefox", Count: 3,
		Changes: []store.AuditChange{{Field: "email", Old: "a@example.com", New: ""}, {Field: "groups", New: "ä b"}},
	}
	layoutAuditBare = &store.AuditRecord{ID: 1<<64 - 1, Time: layoutDay, Action: "x"}
	layoutRecord    = &store.Record{Type: "user", ID: "auth0|7", Version: 9, Deleted: true, Fields: layoutFields}
)

func TestLayoutRoundTrip(t *testing.T) {
	for _, l := range layouts {
		v, err := l.write()
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		if got, err := l.read(v); err != nil || !reflect.DeepEqual(got, l.values) {
			t.Errorf("%s: read %+v, %v; want %+v", l.name, got, err, l.values)
		}
	}
	// Each flag by itself.
	for _, u := range []store.User{{EmailVerified: true}, {IsActive: true}, {IsStaff: true}, {IsSuperuser: true}} {
		v, err := encodeUser(&userValue{User: u})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeUser(v); err != nil || !reflect.DeepEqual(got.User, u) {
			t.Errorf("read %+v, %v; want %+v", got, err, u)
		}
	}
}

// TestLayoutRefuses: a value that is cut short, goes on, is JSON or of a later
// layout is not misread.
func TestLayoutRefuses(t *testing.T) {
	for _, l := range layouts {
		v, err := l.write()
		if err != nil {
			t.Fatal(err)
		}
		bad := [][]byte{append(bytes.Clone(v), 0), append([]byte{encoded + 1}, v[1:]...), []byte("{}"), []byte(`{"id":7,"version":1}`)}
		for n := range v {
			bad = append(bad, v[:n])
		}
		for _, v := range bad {
			if got, err := l.read(v); !errors.Is(err, errEncoding) {
				t.Errorf("%s: %q was read as %+v, %v", l.name, v, got, err)
			}
		}
	}
	// A string longer than the value, a number of more than 64 bits.
	for _, v := range []string{"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if d := newDecoder([]byte(v)); d.string() != "" || d.done(bUser) == nil {
			t.Errorf("%q was taken for a string", v)
		}
	}
}

func TestLayoutFields(t *testing.T) {
	a, err := appendFields(nil, layoutFields)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // maps have no order, what is kept has
		if b, err := appendFields(nil, layoutFields.Clone()); err != nil || !bytes.Equal(a, b) {
			t.Fatalf("the same fields are written as %q and as %q, %v", a, b, err)
		}
	}
	b, err := appendFields(nil, store.Fields{"gone": []string(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if d := (&decoder{rest: string(b)}); d.fields() != nil || d.done(bUser) != nil {
		t.Error("a list that is nil became a value")
	}
	for _, v := range []any{nil, 7, 1.5, []any{"a"}, map[string]any{}, time.Now()} {
		if _, err := appendFields(nil, store.Fields{"f": v}); err == nil || !strings.Contains(err.Error(), `"f"`) {
			t.Errorf("a %T was kept: %v", v, err)
		}
	}
}

// FuzzLayout reads garbage: it must not panic, nor allocate beyond measure, and
// what it takes must mean the same when it is written again.
func FuzzLayout(f *testing.F) {
	for _, l := range layouts {
		v, err := l.write()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v)
	}
	f.Add([]byte(`{"id":7}`))
	f.Fuzz(func(t *testing.T, v []byte) {
		if s, err := decodeSession("r", layoutHash, v); err == nil {
			again, err := decodeSession("r", layoutHash, encodeSession(nil, s))
			same(t, s, again, err)
		}
		if x, err := decodeFamily("f", "c", v); err == nil {
			again, err := decodeFamily("f", "c", encodeFamily(nil, x))
			same(t, x, again, err)
		}
		if x, err := decodeToken(store.KindCode, layoutHash, "f", v); err == nil {
			again, err := decodeToken(store.KindCode, layoutHash, "f", encodeToken(nil, x))
			same(t, x, again, err)
		}
		if x, err := decodeUser(v); err == nil {
			b, err := encodeUser(x)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decodeUser(b)
			same(t, x, again, err)
		}
		if x, err := decodeObject(v); err == nil {
			b, err := encodeObject(x)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decodeObject(b)
			same(t, x, again, err)
		}
		if x, err := decodeAudit(auditKey(layoutDay, 7), v); err == nil {
			again, err := decodeAudit(auditKey(layoutDay, 7), encodeAudit(x))
			same(t, x, again, err)
		}
		if x, err := decodeRecord(v); err == nil {
			b, err := encodeRecord(x)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decodeRecord(b)
			same(t, x, again, err)
		}
	})
}

func same(t *testing.T, a, b any, err error) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%+v was read again as %+v, %v", a, b, err)
	}
}
