package store

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestFieldsJSON(t *testing.T) {
	for _, f := range []Fields{
		{},
		{"text": "ä<&>\u2028\"", "empty": ""},
		{"n": int64(-1 << 63), "m": int64(1<<63 - 1), "zero": int64(0)},
		{"yes": true, "no": false},
		{"ref": Ref{Type: "company", ID: 1<<53 + 1}},
		{"list": []string{"a", ""}, "none": []string{}},
	} {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var got Fields
		if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%s became %v, %v", b, got, err)
		}
	}
	for text, want := range map[string]Fields{
		`{"a":null}`: {}, `null`: {}, `{"a":{"id":1,"type":"t"}}`: {"a": Ref{"t", 1}},
	} {
		var got Fields
		if err := json.Unmarshal([]byte(text), &got); err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s became %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{
		`[]`, `"x"`, `1`, `{"a":1.5}`, `{"a":1e3}`, `{"a":9223372036854775808}`, `{"a":{}}`, `{"a":{"type":"t"}}`,
		`{"a":{"type":"t","id":"1"}}`, `{"a":{"type":"","id":1}}`, `{"a":{"type":"t","id":1,"x":2}}`, `{"a":{"type":"t","id":1.5}}`,
		`{"a":[1]}`, `{"a":[null]}`, `{"a":[["b"]]}`,
	} {
		var got Fields
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was taken as %v", bad, got)
		}
	}
}

func TestFieldsClone(t *testing.T) {
	f := Fields{"list": []string{"a"}, "n": int64(1)}
	c := f.Clone()
	c["list"].([]string)[0], c["n"] = "b", int64(2)
	if f["list"].([]string)[0] != "a" || f["n"] != int64(1) {
		t.Errorf("a clone shares: %v", f)
	}
	if Fields(nil).Clone() != nil {
		t.Error("the clone of nil is not nil")
	}
}

// FuzzFields: what is taken, is of the types promised, and survives being
// written and read.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"a":"b","n":1,"t":true,"r":{"type":"c","id":7},"l":["x"]}`, `{"a":1e999}`, `{"a":{"type":"c","id":7,"id":8}}`,
		`{"a":-0}`, `{"":""}`, `{"a":"\ud800"}`, `{"a":[[]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first Fields
		if json.Unmarshal(b, &first) != nil {
			return
		}
		for name, v := range first {
			switch v.(type) {
			case string, int64, bool, Ref, []string:
			default:
				t.Fatalf("%q is a %T", name, v)
			}
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		var second Fields
		if err := json.Unmarshal(text, &second); err != nil {
			t.Fatalf("%s does not read back: %v", text, err)
		}
		if len(first)+len(second) > 0 && !reflect.DeepEqual(first, second) {
			t.Fatalf("%v became %v", first, second)
		}
	})
}
