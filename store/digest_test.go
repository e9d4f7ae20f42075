package store

import "testing"

func TestDigest(t *testing.T) {
	type row struct {
		typ, id string
		version uint64
		deleted bool
	}
	rows := []row{{"user", "1", 1, false}, {"user", "2", 2, false}, {"company", "1", 3, false}, {"user", "3", 4, true}}
	sum := func(order ...int) (d Digest) {
		for _, i := range order {
			d.Add(rows[i].typ, rows[i].id, rows[i].version, rows[i].deleted)
		}
		return d
	}
	all := sum(0, 1, 2, 3)
	if all != sum(3, 1, 0, 2) {
		t.Error("the order counts")
	}
	if all == sum(0, 1, 2) || all == (Digest{}) {
		t.Error("a missing row does not count")
	}
	d := all
	d.Remove("user", "3", 4, true)
	if d != sum(0, 1, 2) {
		t.Error("what was removed is still in the sum")
	}
	d.Remove("user", "1", 1, false)
	d.Remove("user", "2", 2, false)
	d.Remove("company", "1", 3, false)
	if d != (Digest{}) {
		t.Errorf("the sum of nothing is %x", d)
	}
	seen := map[Digest]row{}
	for _, r := range []row{
		{"user", "1", 1, false}, {"user", "1", 1, true}, {"user", "1", 2, false}, {"user", "11", 1, false},
		{"user1", "1", 1, false}, {"use", "r1", 1, false}, {"user", "", 1, false},
	} {
		var d Digest
		d.Add(r.typ, r.id, r.version, r.deleted)
		if other, ok := seen[d]; ok {
			t.Errorf("%v and %v have the same digest", r, other)
		}
		seen[d] = r
	}
}

func TestDigestText(t *testing.T) {
	var d, back Digest
	d.Add("user", "1", 1, false)
	text, err := d.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := back.UnmarshalText(text); err != nil || back != d {
		t.Errorf("read back as %x, %v; want %x", back, err, d)
	}
	for _, bad := range []string{"", "zz", string(text[2:]), string(text) + "00"} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken for a digest", bad)
		}
	}
}
