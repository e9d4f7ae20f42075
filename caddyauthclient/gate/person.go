package gate

import (
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

// Matches says whether all conditions hold of id; of nil they never do.
func (m PersonMatcher) Matches(id *Identity) bool { return id != nil && m.rule.takes(id) }
