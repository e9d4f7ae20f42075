package authapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// values are fields by name, as JSON has them: {"email": "a@x", "groups": ["a",
// "b"], "company": 7, "is_staff": true, "last_name": null}. null takes a value
// away. What the API shows under "fields" may be sent so, too.
type values map[string]any

// readValues reads what a user or an object is to have. What it refers to may be
// given as text, by its ID or by what it is called.
func (a *App) readValues(r *http.Request, typ string) (values, error) {
	v := values{}
	if err := readJSON(r, &v); err != nil {
		return nil, err
	}
	err := a.Store().View(r.Context(), func(tx store.ReadTx) error { return v.resolve(tx, a.Schema(), typ) })
	return v, err
}

// resolve has an ID in the place of each text that says what is referred to, or what
// is wrong with it, which apply then tells with all else.
func (v values) resolve(tx store.ReadTx, s *store.Schema, typ string) error {
	if nested, ok := v["fields"].(map[string]any); ok {
		if err := values(nested).resolve(tx, s, typ); err != nil {
			return err
		}
	}
	for _, f := range s.Fields(typ) {
		text, ok := v[f.Name].(string)
		if !ok || f.Type != store.Relation || strings.TrimSpace(text) == "" {
			continue
		}
		ref, err := manage.ResolveRef(tx, s, f.Target, text)
		if wrong, ok := errors.AsType[*store.Mistake](err); ok {
			v[f.Name] = wrong
			continue
		}
		if err != nil {
			return err
		}
		v[f.Name] = json.Number(strconv.FormatInt(ref.ID, 10))
	}
	return nil
}

// setter is a user or an object.
type setter interface {
	Set(s *store.Schema, name, text string) error
}

// apply sets all of v, or says everything that is wrong with it.
func (v values) apply(typ string, to setter, s *store.Schema) error {
	var problems []store.Problem
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if nested, ok := v[name].(map[string]any); ok && name == "fields" {
			if err := values(nested).apply(typ, to, s); err != nil {
				problems = append(problems, problemsOf("fields", err)...)
			}
			continue
		}
		text, err := asText(v[name])
		if err == nil {
			err = to.Set(s, name, text)
		}
		if err != nil {
			problems = append(problems, problemsOf(name, err)...)
		}
	}
	if len(problems) > 0 {
		return &store.InvalidError{Type: typ, Problems: problems}
	}
	return nil
}

func problemsOf(name string, err error) []store.Problem {
	var invalid *store.InvalidError
	if errors.As(err, &invalid) {
		return invalid.Problems
	}
	return []store.Problem{store.ProblemOf(name, err)}
}

// asText is a JSON value as a person would write it, which is what Set reads.
func asText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	case json.Number:
		return v.String(), nil
	case *store.Mistake:
		return "", v
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok || strings.Contains(s, ",") {
				return "", errors.New("must be a list of names, without commas in them")
			}
			list[i] = s
		}
		return strings.Join(list, ","), nil
	case map[string]any:
		if id, ok := v["id"].(json.Number); ok {
			return id.String(), nil // a relation as the API shows it
		}
	}
	return "", errors.New("is not a value that a field can have")
}
