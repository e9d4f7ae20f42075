package usersync

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/caddyito/caddyito/store"
)

// A batch is written and read by hand, since that is what filling a mirror
// mostly is. What is written is what encoding/json would make of a Batch.

func appendClaims(b []byte, c *Batch) ([]byte, error) {
	b = appendText(append(b, `{"iss":`...), c.Issuer)
	b = appendText(append(b, `,"aud":`...), c.Audience)
	b = strconv.AppendInt(append(b, `,"iat":`...), c.IssuedAt, 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), c.Expires, 10)
	b = appendText(append(b, `,"jti":`...), c.ID)
	b = appendText(append(b, `,"feed":`...), c.Feed)
	b = appendText(append(b, `,"view":`...), c.View)
	b = strconv.AppendUint(append(b, `,"after":`...), c.After, 10)
	b = strconv.AppendUint(append(b, `,"upto":`...), c.Upto, 10)
	b = strconv.AppendUint(append(b, `,"head":`...), c.Head, 10)
	if c.Resync {
		b = append(b, `,"resync":true`...)
	}
	b, err := appendChanges(append(b, `,"changes":[`...), c)
	if err != nil {
		return nil, err
	}
	b = append(b, ']')
	if c.Digest != nil {
		b = append(hex.AppendEncode(append(b, `,"digest":"`...), c.Digest[:]), '"')
	}
	return append(b, '}'), nil
}

func appendChanges(b []byte, c *Batch) (_ []byte, err error) {
	if c.text != nil {
		return append(b, c.text...), nil
	}
	for i := range c.Changes {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendChange(b, &c.Changes[i]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendChange(b []byte, c *Change) ([]byte, error) {
	b = appendText(append(b, `{"type":`...), c.Type)
	b = strconv.AppendInt(append(b, `,"id":`...), c.ID, 10)
	b = strconv.AppendUint(append(b, `,"version":`...), c.Version, 10)
	if c.Deleted {
		return append(b, `,"deleted":true}`...), nil
	}
	var some [32]string // to stay off the heap
	names := slices.AppendSeq(some[:0], maps.Keys(c.Data))
	slices.Sort(names)
	b = append(b, `,"data":{`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		var err error
		if b, err = appendValue(b, c.Data[name]); err != nil {
			return nil, err
		}
	}
	return append(b, "}}"...), nil
}

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendText(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case store.Ref:
		b = appendText(append(b, `{"type":`...), v.Type)
		return append(strconv.AppendInt(append(b, `,"id":`...), v.ID, 10), '}'), nil
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']'), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // of a string it cannot fail
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// readClaims reads a batch. Members it does not know are skipped.
func readClaims(raw []byte) (*Batch, error) {
	s, b := newScanner(raw, maxDepth), &Batch{}
	s.members(func(name string) {
		switch name {
		case "iss":
			b.Issuer = s.string()
		case "aud":
			b.Audience = s.string()
		case "iat":
			b.IssuedAt = s.int()
		case "exp":
			b.Expires = s.int()
		case "jti":
			b.ID = s.string()
		case "feed":
			b.Feed = s.string()
		case "view":
			b.View = s.string()
		case "after":
			b.After = s.uint()
		case "upto":
			b.Upto = s.uint()
		case "head":
			b.Head = s.uint()
		case "resync":
			b.Resync = s.bool()
		case "changes":
			s.elements(func() { b.Changes = append(b.Changes, s.change()) })
		case "digest":
			b.Digest = new(store.Digest)
			if err := b.Digest.UnmarshalText([]byte(s.string())); err != nil {
				s.fail("%v", err)
			}
		default:
			s.skip()
		}
	})
	return b, s.end()
}

func (s *scanner) change() (c Change) {
	s.members(func(name string) {
		switch name {
		case "type":
			c.Type = s.string()
		case "id":
			c.ID = s.int()
		case "version":
			c.Version = s.uint()
		case "deleted":
			c.Deleted = s.bool()
		case "data":
			c.Data = make(store.Fields, 16)
			s.members(func(name string) {
				if v := s.value(); v != nil {
					c.Data[name] = v
				}
			})
		default:
			s.skip()
		}
	})
	return c
}

// value is one of a field, as store.Fields has it; nil for null.
func (s *scanner) value() any {
	switch s.peek() {
	case '"':
		return s.string()
	case 't', 'f':
		return s.bool()
	case 'n':
		s.word("null")
		return nil
	case '[':
		list := []string{}
		s.elements(func() { list = append(list, s.string()) })
		return list
	case '{':
		var ref store.Ref
		members := 0
		s.members(func(name string) {
			switch members++; name {
			case "type":
				ref.Type = s.string()
			case "id":
				ref.ID = s.int()
			default:
				members = 3
				s.skip()
			}
		})
		if members != 2 || ref.Type == "" {
			s.fail(`an object here must be {"type": ..., "id": ...}`)
		}
		return ref
	}
	return s.int()
}
