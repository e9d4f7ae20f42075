package usersync

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// What is written by hand is what encoding/json would write, and what is read
// by hand is what it would read.
func TestClaims(t *testing.T) {
	digest := store.Digest{1, 2, 255}
	for _, b := range []*Batch{
		{Changes: []Change{}},
		{
			Issuer: issuer, Audience: "wi\"ki", IssuedAt: -1, Expires: 1 << 62, ID: "j", Feed: "f<>&\u2028", View: "v\"", After: 1, Upto: 1<<64 - 1, Head: 1<<64 - 1,
			Resync: true, Digest: &digest,
			Changes: []Change{
				{Type: "user", ID: 7, Version: 9, Deleted: true},
				{Type: "user", ID: 1 << 62, Version: 1<<64 - 1, Data: store.Fields{"x": "y"}},
				{Type: "user", ID: 1, Version: 2, Data: store.Fields{
					"username": "ann", "first_name": "Änne \\ \"\u0001\n\u007f 😀", "is_active": true, "is_not": false, "badge": int64(-1 << 63),
					"company": store.Ref{Type: "company", ID: 3}, "groups": []string{"a", "b\t"}, "none": []string{}, "empty": "",
				}},
			},
		},
	} {
		want, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		text, err := appendClaims(nil, b)
		if err != nil || string(text) != string(want) {
			t.Errorf("wrote %s, %v\nwant  %s", text, err, want)
		}
		got, err := readClaims(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got.Changes == nil {
			got.Changes = []Change{}
		}
		if !reflect.DeepEqual(got, b) {
			t.Errorf("read %+v\nwant %+v", got, b)
		}
	}
	// A record none of whose fields may leave the server is no tombstone.
	if text, err := appendChange(nil, &Change{Type: "user", ID: 1, Version: 1}); err != nil || !strings.HasSuffix(string(text), `"data":{}}`) {
		t.Errorf("a record without fields: %s, %v", text, err)
	}
	if _, err := appendClaims(nil, &Batch{Changes: []Change{{Data: store.Fields{"x": func() {}}}}}); err == nil {
		t.Error("a value that is none of a field's was written")
	}
}

// Whatever is taken is JSON for everybody else too, and means the same when it
// is written again.
func FuzzClaims(f *testing.F) {
	f.Add(`{}`)
	f.Add(claimsWith(`{"type":"user","id":1,"version":5,"data":{"a":"\u00e4","b":[],"c":{"type":"company","id":7},"d":-0,"e":null,"f":1e0}}`))
	f.Add(claimsWith(`{"type":"user","id":1,"version":5,"deleted":true}`, `"digest":"`+strings.Repeat("00", 32)+`"`, `"x":[{"y":1.5e-9}]`))
	f.Add(`{"a":"\ud800"}`)
	f.Add(`{"a":01}`)
	f.Add(`{"feed":"a","feed":"b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if CheckShape([]byte(text), maxDepth) == nil && !json.Valid([]byte(text)) {
			t.Fatalf("took %q, which is no JSON", text)
		}
		b, err := readClaims([]byte(text))
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("read %q, which is no JSON", text)
		}
		written, err := appendClaims(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := readClaims(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		for i := range b.Changes {
			if b.Changes[i].Deleted {
				b.Changes[i].Data = nil // not written; no batch has both
			} else if b.Changes[i].Data == nil {
				b.Changes[i].Data = store.Fields{}
			}
		}
		if !reflect.DeepEqual(again, b) {
			t.Fatalf("%q is\n%+v, then\n%+v", text, b, again)
		}
	})
}
