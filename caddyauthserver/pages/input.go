package pages

import "slices"

// input is a field of a form, as the template "input" draws it.
type input struct {
	Name, Label, Type, Value, Autocomplete string
	Hint, Problem                          string // with a problem, the hint is not shown
	MaxLength                              int
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

// focusFirst puts the cursor into the first that needs a hand.
func focusFirst(inputs []input) {
	first := max(0, slices.IndexFunc(inputs, func(i input) bool { return i.Problem != "" }))
	inputs[first].Autofocus = true
}
