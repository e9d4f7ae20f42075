package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddyito/caddyito/store"
)

// What every request reads and every login writes (users, objects, sessions,
// families, tokens, records of mirrors; see layout.go) is kept as
//
//	version, then the parts one after the other
//
// where a number is a varint, a string has its length in front, a list its
// count, and a time is the microseconds since the zero time. JSON took half of
// the time of a read. What is rare is JSON still.

// encoded is the first byte. No JSON begins with it.
const encoded = 1

// errEncoding says that a value is not one that was written here.
var errEncoding = errors.New("the value is damaged")

// encodedLen is what most values take at most.
const encodedLen = 384

// newValue begins a value behind a head.
func newValue(head []byte) []byte {
	return append(append(make([]byte, 0, encodedLen), head...), encoded)
}

var zeroMicros = time.Time{}.UnixMicro()

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(b, uint64(t.UnixMicro()-zeroMicros))
}

func appendList(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = part(b, s)
	}
	return b
}

// The kinds of values in Fields.
const (
	fieldText  = 's'
	fieldInt   = 'i'
	fieldTrue  = 't'
	fieldFalse = 'f'
	fieldRef   = 'r'
	fieldList  = 'l'
)

// appendFields writes equal fields equally. A list that is nil is no value.
func appendFields(b []byte, f store.Fields) ([]byte, error) {
	var some [16]string // to stay off the heap
	names := slices.AppendSeq(some[:0], maps.Keys(f))
	names = slices.DeleteFunc(names, func(name string) bool {
		list, ok := f[name].([]string)
		return ok && list == nil
	})
	slices.Sort(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = part(b, name)
		switch v := f[name].(type) {
		case string:
			b = part(append(b, fieldText), v)
		case int64:
			b = binary.AppendVarint(append(b, fieldInt), v)
		case bool:
			if v {
				b = append(b, fieldTrue)
			} else {
				b = append(b, fieldFalse)
			}
		case store.Ref:
			b = binary.AppendVarint(part(append(b, fieldRef), v.Type), v.ID)
		case []string:
			b = appendList(append(b, fieldList), v)
		default:
			return nil, fmt.Errorf("field %q has a %T, which is no kind of value a field has", name, v)
		}
	}
	return b, nil
}

// decoder takes a value apart. After an error it yields zeros, and done returns
// the error. It works on a string so that the strings it yields share one copy of
// the value.
type decoder struct {
	rest string
	bad  bool
}

// newDecoder copies v, which dies with its transaction.
func newDecoder(v []byte) *decoder {
	d := &decoder{rest: string(v)}
	if d.byte() != encoded {
		d.fail()
	}
	return d
}

func (d *decoder) fail() { d.rest, d.bad = "", true }

// done says whether all was as it should be, to the last byte.
func (d *decoder) done(b bucket) error {
	if d.bad || d.rest != "" {
		return fmt.Errorf("reading a %s: %w", bucketNames[b], errEncoding)
	}
	return nil
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail()
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) uint() (n uint64) {
	for i := range min(len(d.rest), binary.MaxVarintLen64) {
		c := d.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break // more than 64 bits
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) int() int64 {
	n := d.uint()
	return int64(n>>1) ^ -int64(n&1)
}

// more says whether the value goes on.
func (d *decoder) more() bool { return d.rest != "" }

// count is the length of something whose elements have a byte at least, so that
// damage cannot make it allocate more than there is.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	n := d.count()
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) time() time.Time {
	n := d.uint()
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(n) + zeroMicros).UTC()
}

// list is nil if it is empty.
func (d *decoder) list() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.string()
	}
	return list
}

// fields are nil if there are none.
func (d *decoder) fields() store.Fields {
	n := d.count()
	if n == 0 {
		return nil
	}
	f := make(store.Fields, min(n, 64))
	for range n {
		name := d.string()
		switch d.byte() {
		case fieldText:
			f[name] = d.string()
		case fieldInt:
			f[name] = d.int()
		case fieldTrue:
			f[name] = true
		case fieldFalse:
			f[name] = false
		case fieldRef:
			f[name] = store.Ref{Type: d.string(), ID: d.int()}
		case fieldList:
			if list := d.list(); list != nil {
				f[name] = list
			} else {
				f[name] = []string{}
			}
		default:
			d.fail()
			return nil
		}
	}
	return f
}
