package usersync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// checkShape refuses JSON that two readers could understand in two ways, or that
// is made to exhaust one: members of an object that differ only in case or not
// at all (encoding/json takes the last), depth, a second value, invalid UTF-8.
func checkShape(raw []byte, maxDepth int) error {
	if !utf8.Valid(raw) {
		return errors.New("not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	type level struct {
		members map[string]bool // nil in a list
		value   bool            // a member's name was read, its value is next
	}
	var open []*level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return errors.New("not an object")
		}
		if err != nil {
			return errors.New("not JSON")
		}
		in := (*level)(nil)
		if len(open) > 0 {
			in = open[len(open)-1]
		}
		if in != nil && in.members != nil && !in.value {
			if name, ok := token.(string); ok {
				folded := strings.ToLower(name)
				if in.members[folded] {
					return fmt.Errorf("the member %.60q is there twice", name)
				}
				in.members[folded], in.value = true, true
				continue
			}
		} else if in != nil && token != json.Delim(']') {
			in.value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &level{members: map[string]bool{}})
		case json.Delim('['):
			open = append(open, &level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return fmt.Errorf("deeper than %d levels", maxDepth)
		}
		if len(open) == 0 {
			break
		}
	}
	if bytes.TrimLeft(raw, " \t\r\n")[0] != '{' {
		return errors.New("not an object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}
