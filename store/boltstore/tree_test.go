package boltstore

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// model is a tree as a map: the states a bucket was in.
type model map[string]string

func (m model) keys() []string { return slices.Sorted(maps.Keys(m)) }

// TestTree writes, deletes and takes back at random, beside a map that does the
// same, and keeps every state it passes: none is changed by what comes later.
func TestTree(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	type state struct {
		tree  tree
		model model
	}
	states := []state{{tree{}, model{}}}
	for edit := uint64(1); edit <= 300; edit++ {
		last := states[len(states)-1]
		now := state{last.tree, maps.Clone(last.model)}
		w := &writeTx{recent: now.tree, edit: edit}
		for range 1 + random.IntN(4) { // the functions of a batch
			w.begin()
			was := maps.Clone(now.model)
			for range random.IntN(40) {
				key := binary.BigEndian.AppendUint16(nil, uint16(random.IntN(2000)))
				if random.IntN(3) == 0 {
					if err := w.del(bUser, key); err != nil {
						t.Fatal(err)
					}
					delete(now.model, string(key))
					continue
				}
				value := binary.BigEndian.AppendUint64(nil, random.Uint64())
				if err := w.put(bUser, key, value); err != nil {
					t.Fatal(err)
				}
				now.model[string(key)] = string(value)
			}
			if random.IntN(3) == 0 {
				w.undo()
				now.model = was
			}
		}
		now.tree = w.recent
		states = append(states, now)
		if alone := w.alone(); edit == 1 {
			checkTree(t, alone, now.model)
		}
	}
	for _, s := range states {
		checkTree(t, &s.tree, s.model)
	}
	if n := len(states[len(states)-1].model); n < 500 {
		t.Errorf("only %d keys were left", n)
	}
}

func checkTree(t *testing.T, tr *tree, want model) {
	t.Helper()
	for i := range 2000 {
		key := binary.BigEndian.AppendUint16(nil, uint16(i))
		it := tr.find(bUser, key)
		if value, ok := want[string(key)]; ok != (it != nil && it.is == kept) || ok && string(it.value) != value {
			t.Fatalf("%x is %v; want %x, %v", key, it, value, ok)
		}
	}
	var forward, backward []string
	for _, it := range tr.all() {
		if it.is == kept {
			forward = append(forward, string(it.key))
		}
	}
	for it := range tr.backward(bUser) {
		if it.is == kept {
			backward = append(backward, string(it.key))
		}
	}
	slices.Reverse(backward)
	if keys := want.keys(); !slices.Equal(forward, keys) || !slices.Equal(backward, keys) {
		t.Fatalf("there are %d keys forward, %d backward; want %d", len(forward), len(backward), len(keys))
	}
	from := []byte{3, 200}
	keys := want.keys()
	i, _ := slices.BinarySearch(keys, string(from))
	c := tr.from(bUser, from)
	for c.at != nil && c.at.is != kept {
		c.next()
	}
	if (c.at == nil) != (i == len(keys)) || c.at != nil && !bytes.Equal(c.at.key, []byte(keys[i])) {
		t.Fatalf("from %x on comes %v", from, c.at)
	}
}

// TestLayers reads a file with an older and a recent memory over it, however what
// was written is spread over the three.
func TestLayers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s, err := Open(t.TempDir()+"/auth.db", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := model{}
	for round := range 60 {
		w := &writeTx{recent: *s.memory.Load().recent, edit: uint64(1000 + round)}
		for range random.IntN(120) {
			key := binary.BigEndian.AppendUint16(nil, uint16(random.IntN(300)))
			if random.IntN(2) == 0 {
				_ = w.del(bUser, key)
				delete(want, string(key))
				continue
			}
			value := binary.BigEndian.AppendUint64(nil, random.Uint64())
			_ = w.put(bUser, key, value)
			want[string(key)] = string(value)
		}
		s.remember(func(m *memory) { m.recent = &w.recent })
		switch random.IntN(4) {
		case 0:
			s.rotate()
		case 1:
			if err := s.flushOlder(); err != nil {
				t.Fatal(err)
			}
		}
		tx, m, err := s.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		r := &readTx{tx: tx, above: [...]*tree{m.recent, m.older}}
		for i := range 300 {
			key := binary.BigEndian.AppendUint16(nil, uint16(i))
			value, ok := want[string(key)]
			if got := r.get(bUser, key); (got != nil) != ok || string(got) != value {
				t.Fatalf("round %d: %x is %x; want %x, %v", round, key, got, value, ok)
			}
		}
		keys := want.keys()
		var last string
		if len(keys) > 0 {
			last = keys[len(keys)-1]
		}
		if got := r.last(bUser); string(got) != last {
			t.Fatalf("round %d: the last key is %x; want %x", round, got, last)
		}
		for _, prefix := range []string{"", "\x00", "\x01", "\x02"} {
			from := prefix + string([]byte{byte(random.IntN(256))})
			var got, wanted []string
			r.scan(bUser, []byte(prefix), []byte(from), func(k, v []byte) bool {
				if want[string(k)] != string(v) {
					t.Errorf("round %d: %x is %x; want %x", round, k, v, want[string(k)])
				}
				got = append(got, string(k))
				return len(got) < 50
			})
			for _, k := range keys {
				if len(wanted) < 50 && k >= from && k[:len(prefix)] == prefix {
					wanted = append(wanted, k)
				}
			}
			if !slices.Equal(got, wanted) {
				t.Fatalf("round %d: from %x on there are %x; want %x", round, from, got, wanted)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}
