package pages

import (
	"maps"
	"slices"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
)

// input is a field of a form, as the template "inputs" draws it.
type input struct {
	Name, Type, Value, Autocomplete string
	Label                           lang.Text
	Hint, Problem                   lang.Text // with a problem, the hint is not shown
	MinLength, MaxLength            int
	Required, Autofocus             bool
}

// DescribedBy is the id of what explains the input.
func (i input) DescribedBy() string {
	switch {
	case !i.Problem.IsZero():
		return i.Name + "-problem"
	case !i.Hint.IsZero():
		return i.Name + "-hint"
	}
	return ""
}

// newPassword asks for one. Its value never goes back to the browser.
func newPassword(name string, label lang.Text) input {
	return input{Name: name, Label: label, Type: "password", Autocomplete: "new-password", MinLength: password.MinLength, MaxLength: password.MaxLength, Hint: lang.T("Minimum %d characters", password.MinLength), Required: true}
}

// again asks for the same once more.
func (i input) again() input {
	i.Name, i.Label, i.Hint = i.Name+"_again", lang.T("%s, again", i.Label), lang.Text{}
	return i
}

// note marks the inputs that have a problem, puts the cursor into the first that
// needs a hand, and returns what stands above the form.
func note(inputs []input, problems map[string]lang.Text) (alert []lang.Text) {
	for i := range inputs {
		inputs[i].Problem = problems[inputs[i].Name]
	}
	focusFirst(inputs)
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		if !slices.ContainsFunc(inputs, func(i input) bool { return i.Name == name }) {
			alert = append(alert, problems[name])
		}
	}
	if len(alert) == 0 && len(problems) > 0 {
		alert = append(alert, lang.T("Please correct what is marked below."))
	}
	return alert
}

// titleOf a page with a form: that something is wrong is heard first when the page
// is read out.
func titleOf(title lang.Text, wrong bool) lang.Text {
	if wrong {
		return lang.T("Error: %s", title)
	}
	return title
}

// focusFirst puts the cursor into the first that needs a hand.
func focusFirst(inputs []input) {
	first := max(0, slices.IndexFunc(inputs, func(i input) bool { return !i.Problem.IsZero() }))
	inputs[first].Autofocus = true
}
