package pages

import (
	"maps"
	"slices"
	"strings"
)

// input is a field of a form, as the template "inputs" draws it.
type input struct {
	Name, Label, Type, Value, Autocomplete string
	Hint, Problem                          string // with a problem, the hint is not shown
	MinLength, MaxLength                   int
	Required, Autofocus                    bool
}

// DescribedBy is the id of what explains the input.
func (i input) DescribedBy() string {
	switch {
	case i.Problem != "":
		return i.Name + "-problem"
	case i.Hint != "":
		return i.Name + "-hint"
	}
	return ""
}

// newPassword asks for one. Its value never goes back to the browser.
func newPassword(name, label string) input {
	return input{Name: name, Label: label, Type: "password", Autocomplete: "new-password", MinLength: 8, MaxLength: 1024, Hint: "Minimum 8 characters", Required: true}
}

// again asks for the same once more.
func (i input) again() input {
	i.Name, i.Label, i.Hint = i.Name+"_again", i.Label+", again", ""
	return i
}

// note marks the inputs that have a problem, puts the cursor into the first that
// needs a hand, and returns what stands above the form.
func note(inputs []input, problems map[string]string) (alert string) {
	for i := range inputs {
		inputs[i].Problem = problems[inputs[i].Name]
	}
	focusFirst(inputs)
	var general []string
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		if !slices.ContainsFunc(inputs, func(i input) bool { return i.Name == name }) {
			general = append(general, problems[name])
		}
	}
	switch {
	case len(general) > 0:
		return strings.Join(general, " ")
	case len(problems) > 0:
		return "Please correct what is marked below."
	}
	return ""
}

// titleOf a page with a form: that something is wrong is heard first when the page
// is read out.
func titleOf(title string, wrong bool) string {
	if wrong {
		return "Error: " + title
	}
	return title
}

// focusFirst puts the cursor into the first that needs a hand.
func focusFirst(inputs []input) {
	first := max(0, slices.IndexFunc(inputs, func(i input) bool { return i.Problem != "" }))
	inputs[first].Autofocus = true
}
