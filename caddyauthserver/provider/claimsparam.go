package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Limits of the claims parameter: bytes, and levels of JSON. A value may be an
// address, which is an object.
const (
	maxClaims      = 4 << 10
	maxClaimsDepth = 6
)

// claimsRequest is the claims parameter of an authorization request (OpenID Connect
// Core section 5.5). Claims that nobody knows, and members that section 5.5.1 does
// not have, are ignored, as it says.
type claimsRequest struct {
	// What is asked for of the person, beyond what the scopes give.
	UserInfo []string `json:"userinfo,omitempty"`
	IDToken  []string `json:"id_token,omitempty"`

	// subs are whom the client means: of each list, one must be who is signed in.
	subs [][]string
	// acr are the classes of which one is a must; empty: any will do. acrWished are
	// those of which one would be liked.
	acr, acrWished []string
}

// claimRequest is what is asked of one claim (section 5.5.1).
type claimRequest struct {
	essential bool
	values    []string // any of these, if there are
}

var errBadClaims = errors.New("claims is not as OpenID Connect Core section 5.5 has it")

// parseClaims reads the parameter. known are the claims about a person.
func parseClaims(raw string, known []claim) (*claimsRequest, error) {
	if len(raw) > maxClaims {
		return nil, fmt.Errorf("%w: longer than %d bytes", errBadClaims, maxClaims)
	}
	if err := usersync.CheckShape([]byte(raw), maxClaimsDepth); err != nil {
		return nil, errBadClaims
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &members) != nil {
		return nil, errBadClaims
	}
	req := new(claimsRequest)
	for member, into := range map[string]*[]string{"userinfo": &req.UserInfo, "id_token": &req.IDToken} {
		var asked map[string]json.RawMessage
		if raw, ok := members[member]; ok && json.Unmarshal(raw, &asked) != nil {
			return nil, errBadClaims
		}
		for _, c := range known {
			if _, ok := asked[c.name]; ok {
				*into = append(*into, c.name)
			}
		}
		for name, raw := range asked {
			one, err := parseClaimRequest(raw)
			if err != nil {
				return nil, err
			}
			if name == "sub" && len(one.values) > 0 {
				req.subs = append(req.subs, one.values)
			}
			switch {
			case name != "acr" || member != "id_token":
			case one.essential:
				req.acr = one.values
			default:
				req.acrWished = one.values
			}
		}
	}
	return req, nil
}

func parseClaimRequest(raw json.RawMessage) (claimRequest, error) {
	var members map[string]json.RawMessage // stays nil for null
	var req claimRequest
	if json.Unmarshal(raw, &members) != nil {
		return req, errBadClaims
	}
	if raw, ok := members["essential"]; ok {
		var essential *bool
		if json.Unmarshal(raw, &essential) != nil || essential == nil {
			return req, errBadClaims
		}
		req.essential = *essential
	}
	value, one := members["value"]
	several, many := members["values"]
	var values []json.RawMessage
	switch {
	case one && many, many && (json.Unmarshal(several, &values) != nil || len(values) == 0):
		return req, errBadClaims
	case one:
		values = []json.RawMessage{value}
	}
	for _, raw := range values {
		var text string // empty, as no claim is, for what is of another type
		_ = json.Unmarshal(raw, &text)
		req.values = append(req.values, text)
	}
	return req, nil
}

// within leaves of the request what the client may know and the scopes do not give
// anyway, and returns the scopes that cover it.
func (req *claimsRequest) within(c *client, scopes []string, known []claim) (covering []string) {
	scopeOf := func(name string) string {
		return known[slices.IndexFunc(known, func(c claim) bool { return c.name == name })].scope
	}
	barred := func(name string) bool { return !c.mayAsk(scopeOf(name)) }
	req.IDToken = slices.DeleteFunc(req.IDToken, barred)
	req.UserInfo = slices.DeleteFunc(req.UserInfo, func(name string) bool {
		return barred(name) || slices.Contains(scopes, scopeOf(name))
	})
	for _, name := range slices.Concat(req.UserInfo, req.IDToken) {
		if scope := scopeOf(name); !slices.Contains(scopes, scope) && !slices.Contains(covering, scope) {
			covering = append(covering, scope)
		}
	}
	return covering
}

// kept is what a family keeps of the request.
func (req *claimsRequest) kept() string {
	if req == nil || len(req.UserInfo)+len(req.IDToken) == 0 {
		return ""
	}
	b, err := json.Marshal(req)
	if err != nil {
		panic(err) // only for types that are not JSON
	}
	return string(b)
}

// askedClaims are the claims that the family's client asked for, less what it may
// no longer know; none for tokens of fewer scopes than were granted.
func askedClaims(f *store.Family, c *client, scopes []string, known []claim) (claimsRequest, error) {
	var req claimsRequest
	if f.Claims == "" {
		return req, nil
	}
	if all, oe := narrowed(c, f.Scopes, ""); oe != nil || !covers(scopes, all) {
		return req, nil
	}
	if err := json.Unmarshal([]byte(f.Claims), &req); err != nil {
		return req, fmt.Errorf("reading what claims were asked for: %w", err)
	}
	gone := func(name string) bool {
		return !slices.ContainsFunc(known, func(k claim) bool { return k.name == name && c.mayAsk(k.scope) })
	}
	req.UserInfo, req.IDToken = slices.DeleteFunc(req.UserInfo, gone), slices.DeleteFunc(req.IDToken, gone)
	return req, nil
}
