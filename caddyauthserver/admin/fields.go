package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// field is a field of a form, as the template "fields" draws it.
type field struct {
	Name, Value string
	Label       lang.Text
	// Kind is a type of input, or select, textarea, checkbox or relation; or choice, a
	// select whose options have words of their own, or checks, several boxes.
	Kind      string
	Options   []string // of a select
	Choices   []choice // of a choice, or of checks
	Set       bool     // of checks: they are not as by default
	Rows, Max int      // of a textarea, and of what is typed; 0: as usual
	// Unmarked fields do not say that they are optional: their hint says what nothing
	// means.
	Unmarked bool
	// Filter fields narrow a list: one without a value asks for all.
	Filter        bool
	Pick          string // where a relation is searched for
	Hint, Problem lang.Text
	Required      bool
	Autofocus     bool
}

// choice is one of those to choose from.
type choice struct {
	Value  string
	Label  lang.Text
	Chosen bool
}

// isSet says whether the field says something, or something wrong.
func (f field) isSet() bool {
	switch {
	case !f.Problem.IsZero():
		return true
	case f.Kind == "checkbox":
		return f.Checked()
	case f.Kind == "choice":
		return slices.ContainsFunc(f.Choices, func(c choice) bool { return c.Chosen && c.Value != "" })
	}
	return f.Set || f.Value != ""
}

// DescribedBy is the id of what explains the field.
func (f field) DescribedBy() string {
	switch {
	case !f.Problem.IsZero():
		return f.Name + "-problem"
	case !f.Hint.IsZero():
		return f.Name + "-hint"
	}
	return ""
}

// Checked says whether a checkbox is ticked.
func (f field) Checked() bool { return f.Value == "true" }

// schemaFields are those that the schema declares for a type, with the values of a
// record.
func (a *Admin) schemaFields(tx store.ReadTx, typ string, values store.Fields) ([]field, error) {
	var fields []field
	for _, d := range a.Schema.Fields(typ) {
		f := field{Name: d.Name, Label: lang.Text{Key: typeLabel(d.Name)}, Value: values.Text(d.Name), Required: d.Required}
		switch d.Type {
		case store.Integer:
			f.Kind = "number"
		case store.Boolean:
			f.Kind, f.Required = "checkbox", false
		case store.Date:
			f.Kind = "date"
		case store.Email:
			f.Kind = "email"
		case store.URL:
			f.Kind = "url"
		case store.DateTime:
			f.Kind, f.Hint = "text", lang.T("As in 2026-11-23T18:30:00Z.")
		case store.Choice:
			f.Kind, f.Options = "select", d.Choices
		case store.Relation:
			f.Kind, f.Pick = "relation", a.path("pick/"+d.Target)
			f.Hint = lang.T("Begin to type a name, or give the number.")
			if ref, ok := values[d.Name].(store.Ref); ok {
				o, err := tx.Object(ref)
				if err == nil {
					f.Value = manage.Choice(a.Schema, o)
				} else if !errors.Is(err, store.ErrNotFound) {
					return nil, err
				}
			}
		default:
			f.Kind = "text"
			if len(f.Value) > 80 {
				f.Kind = "textarea"
			}
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// setter is a user or an object.
type setter interface {
	Set(s *store.Schema, name, text string) error
}

// formValues are what a form says of its fields, as Set reads it: relations by their
// IDs. What means no object, or several, is wrong.
func (a *Admin) formValues(r *http.Request, typ string, fields []field, form url.Values) (values [][2]string, wrong problems, err error) {
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		values, wrong = nil, problems{}
		for _, f := range fields {
			text := form.Get(f.Name)
			switch f.Kind {
			case "checkbox":
				text = strconv.FormatBool(text != "")
			case "relation":
				if text = strings.TrimSpace(text); text == "" {
					break
				}
				ref, err := manage.ResolveRef(tx, a.Schema, a.Schema.Target(typ, f.Name), text)
				if err != nil {
					wrong[f.Name] = lang.Of(err)
					continue
				}
				text = strconv.FormatInt(ref.ID, 10)
			}
			values = append(values, [2]string{f.Name, text})
		}
		return nil
	})
	return values, wrong, err
}

// setAll sets them, or says everything that is wrong.
func (a *Admin) setAll(typ string, to setter, values [][2]string) error {
	invalid := &store.InvalidError{Type: typ}
	for _, v := range values {
		err := to.Set(a.Schema, v[0], v[1])
		if e, ok := errors.AsType[*store.InvalidError](err); ok {
			invalid.Problems = append(invalid.Problems, e.Problems...)
		} else if err != nil {
			return err
		}
	}
	if len(invalid.Problems) > 0 {
		return invalid
	}
	return nil
}

// posted has the fields show what was posted, and what is wrong with it.
func posted(fields []field, form url.Values, wrong problems) {
	for i := range fields {
		f := &fields[i]
		if f.Value = form.Get(f.Name); f.Kind == "checkbox" && f.Value != "" {
			f.Value = "true"
		}
		for j := range f.Choices {
			c := &f.Choices[j]
			c.Chosen = slices.Contains(form[f.Name], c.Value)
		}
		if f.Kind == "choice" || f.Kind == "checks" {
			f.Value = ""
		}
		f.Problem = wrong[f.Name]
	}
}

// problems are what is wrong with a form, by the name of the field.
type problems map[string]lang.Text

// add takes those that the store names, and says whether there are any.
func (p problems) add(err error) bool {
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		p[conflict.Field] = lang.T("Somebody else has that already.")
		return true
	}
	invalid, ok := errors.AsType[*store.InvalidError](err)
	if !ok {
		return false
	}
	for _, pr := range invalid.Problems {
		if _, more := p[pr.Field]; !more {
			p[pr.Field] = lang.Of(pr.Err())
		}
	}
	return true
}

// General are those of no field of the form.
func (p problems) general(fields []field) (texts []lang.Text) {
	known := map[string]bool{}
	for _, f := range fields {
		known[f.Name] = true
	}
	for name, text := range p {
		if !known[name] {
			texts = append(texts, lang.T("%s: %s", name, text))
		}
	}
	return texts
}

// formPage is a page with a form of fields.
type formPage struct {
	frame
	Title  lang.Text
	Action string
	Fields []field
	Alerts []lang.Text
	Button lang.Text
	Back   string // where Cancel leads
	// Invite asks how a new user gets to choose a password; Mail: it can be sent,
	// InLog: but only into the log.
	Invite, Mail, InLog bool
	// DeleteURL leads to where what is edited can be deleted, "" if nowhere.
	DeleteURL string
	// Recent is what was done to what is edited, and HistoryURL leads to all of it; ""
	// if that is not known here.
	Recent     []auditRow
	HistoryURL string
	// Notice says what was done.
	Notice lang.Text
	// Seen stands for the values that the page was made of, "" for something new. It
	// comes back with the form.
	Seen string
}

// seenParam is no name that a field of the schema can have.
const seenParam = "_seen"

// seenOf stands for the values of fields.
func seenOf(fields []field) string {
	h := sha256.New()
	for _, f := range fields {
		fmt.Fprintf(h, "%q %q\n", f.Name, f.Value)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

// errOvertaken says that something was changed since the page was shown. To save the
// page would take that back: a right that was taken away, say.
var errOvertaken = errors.New("changed meanwhile")

// overtaken says whether what the page shows is not what a form was filled in from.
func (p *formPage) overtaken(form url.Values) bool {
	return form.Has(seenParam) && form.Get(seenParam) != p.Seen
}

// sayOvertaken has the page, as it is now, say so.
func (p *formPage) sayOvertaken() {
	p.Alerts = []lang.Text{lang.T("Somebody changed this while your page was open. Below is how it is now: make your change once more.")}
}

// wrongForm notes what is wrong.
func (p *formPage) wrongForm(form url.Values, wrong problems) {
	posted(p.Fields, form, wrong)
	p.Alerts = append([]lang.Text{lang.T("Please correct what is marked below.")}, wrong.general(p.Fields)...)
}
