package provider

import (
	"testing"

	"github.com/caddyito/caddyito/store"
)

// People are told what they agree to, whatever it is.
func TestEveryScopeIsDescribed(t *testing.T) {
	for _, name := range store.Scopes() {
		if scopeDescriptions[name].IsZero() {
			t.Errorf("scope %s has no description", name)
		}
	}
	if len(scopeDescriptions) != len(store.Scopes()) {
		t.Errorf("%d scopes are described, %d exist", len(scopeDescriptions), len(store.Scopes()))
	}
}
