package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"github.com/caddyito/caddyito/store"
)

const (
	maxProfileDepth   = 8
	maxProfileRecords = 200
)

var nameGrammar = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// profile asks the issuer who signed in: their record first, then those of the
// objects they refer to. feed is the server's feed that their versions are of,
// "" of an issuer that has none.
func (g *Gate) profile(ctx context.Context, is *issuer, token *oauth2.Token, t *verified) (records []*store.Record, feed string, err error) {
	if is.profile != "" && mayReadProfile(is, token) {
		body, err := g.ask(ctx, is.profile, token)
		if err != nil {
			return nil, "", fmt.Errorf("asking for the profile: %w", err)
		}
		records, err := parseProfile(body, t.subject)
		if err != nil {
			return nil, "", fmt.Errorf("reading the profile: %w", err)
		}
		var of struct {
			Feed string `json:"caddyito_feed"`
		}
		if err := json.Unmarshal(body, &of); err != nil {
			return nil, "", fmt.Errorf("reading the profile: %w", err)
		}
		return records, of.Feed, nil
	}
	var c claims
	if err := t.claims(&c); err != nil {
		return nil, "", fmt.Errorf("reading the claims of the ID token: %w", err)
	}
	if is.userinfo != "" {
		body, err := g.ask(ctx, is.userinfo, token)
		if err != nil {
			return nil, "", fmt.Errorf("asking for the userinfo: %w", err)
		}
		// OpenID Connect Core section 5.3.2: the answer may be another's.
		c.Subject = ""
		if err := json.Unmarshal(body, &c); err != nil {
			return nil, "", fmt.Errorf("reading the userinfo: %w", err)
		}
		if c.Subject != t.subject {
			return nil, "", errors.New("the userinfo is of another subject than the ID token")
		}
	}
	rec, err := c.record(t.subject)
	if err != nil {
		return nil, "", err
	}
	return []*store.Record{rec}, "", nil
}

// mayReadProfile says whether the token was granted the scope of the profile.
// An issuer that says nothing granted what was asked (RFC 6749 section 5.1).
func mayReadProfile(is *issuer, token *oauth2.Token) bool {
	granted := is.scopes
	if s, ok := token.Extra("scope").(string); ok {
		granted = strings.Fields(s)
	}
	return slices.Contains(granted, "read")
}

func (g *Gate) ask(ctx context.Context, endpoint string, token *oauth2.Token) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/json")
	return g.issuer.fetch(req)
}

// parseProfile reads a user with relations nested:
//
//	{"id": 1, "version": 12, "username": "ann", "groups": ["staff"],
//	 "company": {"type": "company", "id": 1, "version": 3, "name": "Acme"}}
//
// It refuses another user than subject, and drops what has no name or kind that
// a record can have.
func parseProfile(body []byte, subject string) ([]*store.Record, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var raw map[string]any
	if err := dec.Decode(&raw); err != nil {
		return nil, errors.New("it is not a JSON object")
	}
	if _, err := dec.Token(); err == nil {
		return nil, errors.New("something follows the JSON object")
	}
	p := &profileParser{}
	user, err := p.record(store.UserType, raw, 0)
	if err != nil {
		return nil, err
	}
	if sub, ok := user.Fields["sub"].(string); ok && sub != subject {
		return nil, errors.New("it is of another subject than the ID token")
	}
	delete(user.Fields, "sub")
	delete(user.Fields, "caddyito_feed") // of the answer, not of the user
	if user.ID != subject {
		return nil, errors.New("it is of another subject than the ID token")
	}
	if name, _ := user.Fields["username"].(string); name == "" || !clean(name) {
		return nil, errors.New("it has no usable username")
	}
	if _, ok := user.Fields["is_active"]; !ok {
		user.Fields["is_active"] = true // or they could not have signed in
	}
	return append([]*store.Record{user}, p.objects...), nil
}

type profileParser struct {
	objects []*store.Record
}

func (p *profileParser) record(typ string, raw map[string]any, depth int) (*store.Record, error) {
	id, err := positive(raw["id"])
	if err != nil {
		return nil, fmt.Errorf("%s: id: %w", typ, err)
	}
	version, err := positive(raw["version"])
	if err != nil {
		return nil, fmt.Errorf("%s %d: version: %w", typ, id, err)
	}
	rec := &store.Record{Type: typ, ID: strconv.FormatInt(id, 10), Version: uint64(version), Fields: store.Fields{}}
	for name, v := range raw {
		if name == "id" || name == "version" || name == "type" || !nameGrammar.MatchString(name) {
			continue
		}
		value, err := p.value(v, depth)
		if err != nil {
			return nil, err
		}
		if value != nil {
			rec.Fields[name] = value
		}
	}
	return rec, nil
}

// value is v as a field holds it, or nil for what none can hold.
func (p *profileParser) value(v any, depth int) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, nil
			}
			list = append(list, s)
		}
		return list, nil
	case map[string]any:
		return p.relation(v, depth+1)
	}
	return nil, nil
}

func (p *profileParser) relation(raw map[string]any, depth int) (any, error) {
	typ, _ := raw["type"].(string)
	if !nameGrammar.MatchString(typ) || typ == store.UserType {
		return nil, nil
	}
	if depth > maxProfileDepth || len(p.objects) >= maxProfileRecords {
		return nil, errors.New("its relations go too deep")
	}
	id, err := positive(raw["id"])
	if err != nil {
		return nil, fmt.Errorf("%s: id: %w", typ, err)
	}
	ref := store.Ref{Type: typ, ID: id}
	if _, ok := raw["version"]; !ok {
		return ref, nil // only named: it was told before, or is for others
	}
	rec, err := p.record(typ, raw, depth)
	if err != nil {
		return nil, err
	}
	p.objects = append(p.objects, rec)
	return ref, nil
}

func positive(v any) (int64, error) {
	num, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("is not a number")
	}
	n, err := num.Int64()
	if err != nil || n <= 0 {
		return 0, errors.New("is not a positive integer")
	}
	return n, nil
}
