package manage

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// importObject writes one line of a list of objects, as importUser does.
func (m *Manager) importObject(tx store.WriteTx, p power, l *List, r row) (Line, error) {
	given := l.given(r)
	line := Line{Line: r.line, Does: "fail", Name: strings.TrimSpace(given[Identity(m.Schema, l.typ)])}
	o, err := m.rowObject(tx, l.typ, given)
	if err != nil {
		return line, line.take(err)
	}
	fresh := o == nil
	if fresh {
		o = &store.Object{Type: l.typ}
	}
	before := m.Schema.Renew(l.typ, o.Fields)
	wanted := &store.Object{Type: l.typ, Fields: before.Clone()}
	if err := m.setRow(tx, l.typ, wanted, l.columns, given); err != nil {
		return line, line.take(err)
	}
	if err := m.Schema.CheckObject(wanted); err != nil {
		return line, line.take(err)
	}
	line.Name = cmp.Or(line.Name, Label(m.Schema, wanted))
	line.Changes = fieldDifferences(m.Schema, l.typ, before, wanted.Fields)
	switch {
	case fresh:
		if err := m.createObject(tx, p, wanted); err != nil {
			return line, line.take(err)
		}
		line.Does = "create"
	case len(line.Changes) == 0:
		line.Does = ""
	default:
		err := m.changeObject(tx, p, o, func(to *store.Object) error {
			to.Fields = wanted.Fields
			return nil
		})
		if err != nil {
			return line, line.take(err)
		}
		line.Does = "change"
	}
	return line, nil
}

// rowObject is what a line is about; nil for something new.
func (m *Manager) rowObject(tx store.WriteTx, typ string, given map[string]string) (*store.Object, error) {
	if text := strings.TrimSpace(given["id"]); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, wrongField(typ, "id", store.Mistakef("%q is no number", text))
		}
		o, err := tx.Object(store.Ref{Type: typ, ID: id})
		if errors.Is(err, store.ErrNotFound) {
			return nil, wrongField(typ, "id", store.Mistakef("there is no %s %s", typ, text))
		}
		return o, err
	}
	by := Identity(m.Schema, typ)
	name := strings.TrimSpace(given[by])
	if by == "" || name == "" {
		return nil, nil // it is called nothing, so it is none of those that are there
	}
	called, err := objectsCalled(tx, typ, by, name)
	if err != nil || len(called) == 0 {
		return nil, err
	}
	if len(called) == 1 {
		return called[0], nil
	}
	var names []string
	for _, o := range called {
		names = append(names, Choice(m.Schema, o))
	}
	return nil, wrongField(typ, by, store.Mistakef("there are several: %s", strings.Join(names, ", ")))
}

// objectsCalled are the objects of a type that have a value, up to maxChoices.
func objectsCalled(tx store.ReadTx, typ, field, value string) (called []*store.Object, err error) {
	q := store.ObjectQuery{Type: typ, Prefix: value, Limit: importStep}
	for {
		page, err := tx.SearchObjects(q)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Objects {
			if store.CanonicalName(o.Fields.Text(field)) == store.CanonicalName(value) {
				called = append(called, o)
			}
		}
		if q.After = page.Next; q.After == "" || len(called) >= maxChoices {
			return called[:min(len(called), maxChoices)], nil
		}
	}
}
