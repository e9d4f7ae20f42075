package admin

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// filterParam begins the parameters that filter a list by fields, whose names are the
// schema's.
const filterParam = "by_"

// filters are the fields by which a list is filtered, and what they ask for. What names
// no object is a problem of its field, and nothing is found by it; what is none of the
// choices asks for nothing.
func (a *Admin) filters(tx store.ReadTx, typ string, values url.Values) (fields []field, where store.Fields, err error) {
	where = store.Fields{}
	for _, d := range manage.FilterFields(a.Schema, typ) {
		f := field{Name: filterParam + d.Name, Label: lang.Text{Key: typeLabel(d.Name)}, Filter: true}
		f.Value = strings.TrimSpace(short(values.Get(f.Name)))
		if d.Type == store.Relation {
			f.Kind, f.Pick = "relation", a.path("pick/"+d.Target)
		} else {
			f.Kind, f.Options = "select", d.Choices
			if !slices.Contains(d.Choices, f.Value) {
				f.Value = ""
			}
		}
		if f.Value != "" {
			v, err := manage.FilterValue(tx, a.Schema, d, f.Value)
			if wrong, ok := errors.AsType[*store.Mistake](err); ok {
				f.Problem = lang.Of(wrong)
				v = store.Ref{Type: d.Target} // to which nothing refers
			} else if err != nil {
				return nil, nil, err
			}
			where[d.Name] = v
		}
		fields = append(fields, f)
	}
	return fields, where, nil
}
