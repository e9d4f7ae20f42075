package gate

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"
)

// values are the texts of an identity, in the order of its shape, in one
// string. In 100,000 identities a slice with a string for each value would be
// two million things for the garbage collector to look at; this is one each.
//
// It begins with offsets of four bytes, one more than there are values: value i
// lies between offset i and the next.
type values struct {
	packed string
	// near are the first of the offsets again: to give an app headers, packed need not be
	// looked at, which mostly is not in the processor's cache. 0 is what does not fit.
	near [7]uint16
}

func packValues(list []string) values {
	end := 4 * (len(list) + 1)
	size := end
	for _, v := range list {
		size += len(v)
	}
	b := make([]byte, 0, size)
	var near [7]uint16
	for i := range len(list) + 1 {
		b = binary.LittleEndian.AppendUint32(b, uint32(end))
		if i < len(near) && end <= math.MaxUint16 {
			near[i] = uint16(end)
		}
		if i < len(list) {
			end += len(list[i])
		}
	}
	for _, v := range list {
		b = append(b, v...)
	}
	return values{string(b), near}
}

// at is value i. It is a part of the same memory.
func (v *values) at(i int) string {
	if i+1 < len(v.near) && v.near[i+1] != 0 {
		return v.packed[v.near[i]:v.near[i+1]]
	}
	return v.packed[v.offset(i):v.offset(i+1)]
}

func (v *values) offset(i int) uint32 {
	b := v.packed[4*i : 4*i+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// shape is the names of the values of an identity. Most people have the same,
// so they share it.
type shape struct {
	// names are sorted, but that those for headers come first: a request reads just
	// these, so they lie together.
	names []string
	index map[string]int
	// headers says for each of managed.fields which value it is; -1 for none.
	headers []int
}

// shapes are those in use, up to a bound: names come from the issuer.
type shapes struct {
	headers []Header

	mu sync.Mutex // guards m
	m  map[string]*shape
}

// place is the number of the header that a value is for, or the number of them all.
func (s *shapes) place(name string) int {
	i := slices.IndexFunc(s.headers, func(h Header) bool { return h.Field == name })
	if i < 0 {
		return len(s.headers)
	}
	return i
}

// of is the shape of an identity with these values.
func (s *shapes) of(values map[string]string) *shape {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	key := strings.Join(names, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.m[key]; sh != nil {
		return sh
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(s.place(a), s.place(b)) })
	sh := &shape{names: names, index: make(map[string]int, len(names)), headers: make([]int, len(s.headers))}
	for i, name := range names {
		sh.index[name] = i
	}
	for i, h := range s.headers {
		sh.headers[i] = -1
		if at, ok := sh.index[h.Field]; ok {
			sh.headers[i] = at
		}
	}
	if s.m == nil {
		s.m = map[string]*shape{}
	}
	if len(s.m) < 1000 {
		s.m[key] = sh
	}
	return sh
}

// fieldNames are names of fields, some of them into relations.
type fieldNames struct {
	names, prefixes map[string]bool // "company.name", and "company."
}

func decisiveFields(c *Config) fieldNames {
	f := fieldNames{map[string]bool{}, map[string]bool{}}
	for _, h := range c.Headers {
		f.add(h.Field)
	}
	for _, r := range c.Allow {
		for name := range r.Fields {
			f.add(name)
		}
	}
	return f
}

func (f fieldNames) add(name string) {
	// What leads to it counts as well: "company" of "company.name".
	f.names[name] = true
	for i, c := range name {
		if c == '.' {
			f.names[name[:i]] = true
			f.prefixes[name[:i+1]] = true
		}
	}
}

func (f fieldNames) has(name string) bool { return f.names[name] }

// below says whether there is a name that begins with prefix, which ends in a
// dot.
func (f fieldNames) below(prefix string) bool { return f.prefixes[prefix] }
