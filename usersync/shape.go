package usersync

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) in one pass, and refuses what two readers could
// understand in two ways, or what is made to exhaust one: members of an object
// that differ only in case or not at all (encoding/json takes the last), depth,
// a second value, invalid UTF-8. encoding/json read a batch four times over,
// which was most of what filling a mirror cost.
//
// After an error it yields zeros and reads nothing more. The strings it yields
// share the text.
type scanner struct {
	text  string
	at    int
	depth int      // how many levels may still open
	names []string // of the members of the objects that are open
	err   error
}

// maxMembers is how many an object may have. A record has as many as its schema
// has fields.
const maxMembers = 1000

func newScanner(raw []byte, maxDepth int) *scanner {
	s := &scanner{text: string(raw), depth: maxDepth}
	if !utf8.ValidString(s.text) {
		s.fail("not valid UTF-8")
	}
	return s
}

// CheckShape reads raw to the end, which must be one object, and says what stands
// against reading it with encoding/json.
func CheckShape(raw []byte, maxDepth int) error {
	s := newScanner(raw, maxDepth)
	s.members(func(string) { s.skip() })
	return s.end()
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
	s.at = len(s.text)
}

// end says what was wrong, if something was, or followed.
func (s *scanner) end() error {
	if s.peek(); s.err == nil && s.at < len(s.text) {
		return errors.New("something follows the object")
	}
	return s.err
}

// peek is the first byte of what is next, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take reads c, if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) word(w string) {
	if !strings.HasPrefix(s.text[s.at:], w) {
		s.fail("not JSON")
		return
	}
	s.at += len(w)
}

// open begins an object or list; the caller ends it with s.depth++.
func (s *scanner) open(c byte) bool {
	if !s.take(c) {
		if c == '{' {
			s.fail("not an object where one should be")
		} else {
			s.fail("not a list where one should be")
		}
		return false
	}
	if s.depth == 0 {
		s.fail("deeper than it may be")
		return false
	}
	s.depth--
	return true
}

// members reads an object. fn reads the value of each member.
func (s *scanner) members(fn func(name string)) {
	if !s.open('{') {
		return
	}
	first := len(s.names)
	for more := !s.take('}'); more && s.err == nil; more = s.more('}') {
		name := s.string()
		for _, other := range s.names[first:] {
			if strings.EqualFold(name, other) {
				s.fail("the member %.60q is there twice", name)
			}
		}
		if s.names = append(s.names, name); len(s.names)-first > maxMembers {
			s.fail("an object has more than %d members", maxMembers)
		}
		if !s.take(':') {
			s.fail("not JSON")
		}
		if s.err == nil {
			fn(name)
		}
	}
	s.names = s.names[:first]
	s.depth++
}

// elements reads a list. fn reads each element.
func (s *scanner) elements(fn func()) {
	if !s.open('[') {
		return
	}
	for more := !s.take(']'); more && s.err == nil; more = s.more(']') {
		fn()
	}
	s.depth++
}

// more says whether a comma is next, or else the end.
func (s *scanner) more(end byte) bool {
	if s.take(',') {
		return true
	}
	if !s.take(end) {
		s.fail("not JSON")
	}
	return false
}

func (s *scanner) string() string {
	if !s.take('"') {
		s.fail("not a string where one should be")
		return ""
	}
	from, plain := s.at, true
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			v := s.text[from:s.at]
			s.at++
			if !plain {
				return s.unescape(v)
			}
			return v
		case c == '\\':
			plain = false
			s.at++ // whatever is escaped, it does not end the string
		case c < ' ':
			s.fail("not JSON")
			return ""
		}
	}
	s.fail("not JSON")
	return ""
}

func (s *scanner) unescape(v string) (out string) {
	if json.Unmarshal([]byte(`"`+v+`"`), &out) != nil {
		s.fail("not JSON")
	}
	return out
}

// number is the text of a number.
func (s *scanner) number() string {
	s.peek()
	from := s.at
	s.skipByte("-")
	if !s.skipByte("0") {
		s.digits()
	}
	if s.skipByte(".") {
		s.digits()
	}
	if s.skipByte("eE") {
		s.skipByte("+-")
		s.digits()
	}
	return s.text[from:s.at]
}

// skipByte reads a byte that is one of some, if it is next.
func (s *scanner) skipByte(some string) bool {
	if s.at == len(s.text) || strings.IndexByte(some, s.text[s.at]) < 0 {
		return false
	}
	s.at++
	return true
}

func (s *scanner) digits() {
	from := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
	}
	if s.at == from {
		s.fail("not JSON")
	}
}

func (s *scanner) int() int64 {
	text := s.number()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.fail("%.60q is not a 64-bit integer", text)
	}
	return n
}

func (s *scanner) uint() uint64 {
	text := s.number()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		s.fail("%.60q is not a 64-bit number of none less than 0", text)
	}
	return n
}

func (s *scanner) bool() bool {
	if s.peek() == 't' {
		s.word("true")
		return true
	}
	s.word("false")
	return false
}

// skip reads any value.
func (s *scanner) skip() {
	switch s.peek() {
	case '{':
		s.members(func(string) { s.skip() })
	case '[':
		s.elements(s.skip)
	case '"':
		s.string()
	case 't', 'f':
		s.bool()
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}
