package manage

import (
	"errors"
	"slices"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// Outcome is what becomes of a list.
type Outcome struct {
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	// Lines say what becomes of the first of them; all that fail come before those
	// that do not.
	Lines []Line `json:"lines,omitempty"`
}

// Line is what becomes of a line.
type Line struct {
	Line int `json:"line"`
	// Name is the username, or what the object is called.
	Name string `json:"name"`
	// Does is create, change or fail.
	Does string `json:"does"`
	// Changes are fields with their old and new values; Problems say why it fails.
	Changes  []FieldChange `json:"changes,omitempty"`
	Problems []Trouble     `json:"problems,omitempty"`
}

// FieldChange is a field that is given another value.
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// maxLines is how many lines an Outcome says something of, of each kind.
const maxLines = 500

func (o *Outcome) add(l Line) {
	switch l.Does {
	case "create":
		o.Created++
	case "change":
		o.Changed++
	case "fail":
		o.Failed++
	default:
		o.Unchanged++
		return
	}
	same := 0
	for _, other := range o.Lines {
		if (other.Does == "fail") == (l.Does == "fail") {
			same++
		}
	}
	if same >= maxLines {
		return
	}
	at := len(o.Lines)
	if l.Does == "fail" {
		at = same
	}
	o.Lines = slices.Insert(o.Lines, at, l)
}

// take notes what is wrong with a line, and returns what is not the line's fault.
func (l *Line) take(err error) error {
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		for _, p := range invalid.Problems {
			l.trouble(lang.T("%s: %s", p.Field, lang.Of(p.Err())))
		}
		return nil
	}
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		l.trouble(lang.Of(conflict))
		return nil
	}
	switch {
	case errors.Is(err, ErrNotAllowed):
		l.trouble(lang.T("you may not do this to that account"))
	case errors.Is(err, ErrSelf):
		l.trouble(lang.Of(ErrSelf))
	default:
		return err
	}
	return nil
}

// fieldDifferences are the fields of the schema in which two records differ.
func fieldDifferences(s *store.Schema, typ string, before, after store.Fields) (changes []FieldChange) {
	for _, f := range s.Fields(typ) {
		if old, now := before.Text(f.Name), after.Text(f.Name); old != now {
			changes = append(changes, FieldChange{f.Name, old, now})
		}
	}
	return changes
}
