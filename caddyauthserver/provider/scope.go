package provider

import (
	"regexp"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// scopeDescriptions are what people are told of store.Scopes.
var scopeDescriptions = map[string]lang.Text{
	"openid":         lang.T("Know that it is you"),
	"profile":        lang.T("See your name and username, and such details as your picture, birthdate and language"),
	"email":          lang.T("See your e-mail address"),
	"phone":          lang.T("See your phone number"),
	"address":        lang.T("See your address"),
	"groups":         lang.T("See which groups you are in"),
	"read":           lang.T("See your whole profile, with all it refers to"),
	"offline_access": lang.T("Keep access while you are away"),
}

// scopeGrammar is scope-token of RFC 6749 section 3.3.
var scopeGrammar = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`)

// grantable reads the scope parameter of an authorization request. Scopes that
// nobody knows are left out, as OpenID Connect Core section 3.1.2.1 has it;
// those that are kept from this client are an error.
func grantable(c *client, param string) ([]string, *oauthError) {
	var granted []string
	for _, name := range strings.Fields(param) {
		if !scopeGrammar.MatchString(name) {
			return nil, &oauthError{code: "invalid_scope", description: "scope is malformed"}
		}
		if !slices.Contains(store.Scopes(), name) && !store.IsAPIScope(name) {
			continue
		}
		if !c.mayAsk(name) {
			return nil, &oauthError{code: "invalid_scope", description: "this client may not ask for scope " + name}
		}
		if !slices.Contains(granted, name) {
			granted = append(granted, name)
		}
	}
	if len(granted) == 0 {
		return nil, &oauthError{code: "invalid_scope", description: "ask for at least one of " + strings.Join(store.Scopes(), " ")}
	}
	return granted, nil
}

// ownScopes reads the scope parameter of a client that acts for itself: of the
// scopes of APIs that it may ask for, all of them if absent.
func ownScopes(c *client, param string) ([]string, *oauthError) {
	own := slices.DeleteFunc(slices.Clone(c.Scopes), func(name string) bool { return !store.IsAPIScope(name) })
	if param == "" {
		return own, nil
	}
	var out []string
	for _, name := range strings.Fields(param) {
		switch {
		case slices.Contains(store.Scopes(), name):
			return nil, &oauthError{code: "invalid_scope", description: "scope " + name + " is of a person, and there is none with this grant type"}
		case !slices.Contains(own, name):
			return nil, &oauthError{code: "invalid_scope", description: "this client may not ask for one of these scopes"}
		case !slices.Contains(out, name):
			out = append(out, name)
		}
	}
	return out, nil
}

// narrowed reads the scope parameter of a refresh: at most what was granted
// (RFC 6749 section 6), all of it if absent, less what the client may no longer
// ask for.
func narrowed(c *client, granted []string, param string) ([]string, *oauthError) {
	want := granted
	if param != "" {
		want = strings.Fields(param)
	}
	var out []string
	for _, name := range want {
		if !slices.Contains(granted, name) {
			return nil, &oauthError{code: "invalid_scope", description: "a refresh cannot widen the scope"}
		}
		if c.mayAsk(name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, &oauthError{code: "invalid_scope", description: "no scope is left"}
	}
	return out, nil
}

// covers says whether all of want are among have.
func covers(have, want []string) bool {
	for _, name := range want {
		if !slices.Contains(have, name) {
			return false
		}
	}
	return true
}
