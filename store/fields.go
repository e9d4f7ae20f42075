package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Fields are the values of a record by the names its schema declares. A value
// is one of:
//
//	string    text, email, url, choice, decimal ("12.50"), date ("2026-11-23"),
//	          datetime (RFC 3339, UTC)
//	int64     integer
//	bool      boolean
//	Ref       relation
//	[]string  list of names (a user's groups in a mirror)
//
// A field without a value is absent; nil is never stored. In JSON a Ref is
// {"type": "company", "id": 7}; the rest are JSON's own.
type Fields map[string]any

// Ref points to an object, as a foreign key does.
type Ref struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

func (r Ref) String() string { return r.Type + "/" + strconv.FormatInt(r.ID, 10) }

// Clone returns a copy that shares nothing with f.
func (f Fields) Clone() Fields {
	c := maps.Clone(f)
	for name, v := range c {
		if list, ok := v.([]string); ok {
			c[name] = slices.Clone(list)
		}
	}
	return c
}

// Text is the value as a person would write it; absent values are "".
func (f Fields) Text(name string) string {
	switch v := f[name].(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case Ref:
		return strconv.FormatInt(v.ID, 10)
	case []string:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return ""
}

// UnmarshalJSON reads fields as MarshalJSON of the map wrote them. It refuses
// values that are not of the list above.
func (f *Fields) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var raw map[string]any
	if err := dec.Decode(&raw); err != nil {
		return err
	}
	out := make(Fields, len(raw))
	for name, v := range raw {
		if v == nil {
			continue
		}
		typed, err := fieldValue(v)
		if err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
		out[name] = typed
	}
	*f = out
	return nil
}

func fieldValue(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("%s is not a 64-bit integer", v)
		}
		return n, nil
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("element %d is not a string", i)
			}
			list[i] = s
		}
		return list, nil
	case map[string]any:
		typ, okType := v["type"].(string)
		num, okID := v["id"].(json.Number)
		if !okType || !okID || len(v) != 2 || typ == "" {
			return nil, fmt.Errorf(`an object here must be {"type": ..., "id": ...}`)
		}
		id, err := num.Int64()
		if err != nil {
			return nil, fmt.Errorf("id %s is not a 64-bit integer", num)
		}
		return Ref{Type: typ, ID: id}, nil
	}
	return nil, fmt.Errorf("unexpected %T", v)
}
