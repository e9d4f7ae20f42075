package gate

import (
	"fmt"
	"slices"

	"github.com/caddyito/caddyito/store"
)

// PersonMatcher is what a Rule says of the person, whatever the path.
type PersonMatcher struct{ rule rule }

// PersonMatcher compiles the rule's conditions but for Paths.
func (r Rule) PersonMatcher() PersonMatcher {
	m := PersonMatcher{rule{groups: slices.Clone(r.Groups), fields: r.Fields}}
	for _, u := range r.Users {
		m.rule.users = append(m.rule.users, store.CanonicalName(u))
	}
	return m
}

// Matches says whether all conditions hold of id; of nil they never do. An
// error means that id does not hold a value that a condition is about, because
// the person refers to so much: neither yes nor no would be safe then, for
// conditions can be negated.
func (m PersonMatcher) Matches(id *Identity) (bool, error) {
	if id == nil {
		return false, nil
	}
	for name := range m.rule.fields {
		if _, ok := id.Value(name); !ok && id.mayHave(name) {
			return false, fmt.Errorf("cannot tell %s of the user: there are too many values; name the field in a rule or a header of the gate, so that it is kept", name)
		}
	}
	return m.rule.takes(id), nil
}
