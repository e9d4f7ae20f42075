package provider

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// bearer is what an access token stands for, once everything it rests on was
// looked at again.
type bearer struct {
	token  *store.Token
	family *store.Family
	user   *store.User
	client *client
}

// withBearer runs fn in the transaction in which the request's access token was
// found good for scope. It answers every refusal itself (RFC 6750 section 3.1)
// and says whether fn ran through.
func (p *Provider) withBearer(w http.ResponseWriter, r *http.Request, scope string, fn func(store.ReadTx, bearer) error) bool {
	secret, err := p.bearerToken(w, r)
	if err == nil && secret == "" {
		// Nothing was shown, so nothing is said of what is wrong.
		err = &oauthError{status: http.StatusUnauthorized, code: "invalid_token", challenge: p.challenge("", "")}
	}
	var hash store.Hash
	if err == nil {
		hash, err = p.shownAccess(r.Context(), secret)
	}
	if err == nil {
		err = p.Store.View(r.Context(), func(tx store.ReadTx) error {
			b, err := p.liveBearer(tx, hash)
			if errors.Is(err, store.ErrNotFound) {
				return p.wrongBearer(r, &oauthError{status: http.StatusUnauthorized, code: "invalid_token",
					description: "the access token is unknown, expired or revoked", challenge: p.challenge("invalid_token", "")})
			}
			if err != nil {
				return fmt.Errorf("looking up access token: %w", err)
			}
			if !slices.Contains(b.token.Scopes, scope) {
				return &oauthError{status: http.StatusForbidden, code: "insufficient_scope",
					description: "scope " + scope + " is needed", challenge: p.challenge("insufficient_scope", scope)}
			}
			return fn(tx, b)
		})
	}
	if err != nil {
		p.oauthFailure(w, r, "answering a bearer of an access token", err)
		return false
	}
	return true
}

// bearerToken reads the token from the header or from a posted form, never from
// the query (RFC 6750 section 2, RFC 9700 section 4.3.2), and from one place
// only. "" if there is none.
func (p *Provider) bearerToken(w http.ResponseWriter, r *http.Request) (string, error) {
	twice := &oauthError{code: "invalid_request", description: "the access token must be shown once, in the header or in the body",
		challenge: p.challenge("invalid_request", "")}
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return "", twice
	}
	token := ""
	if len(headers) == 1 {
		scheme, rest, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimSpace(rest)
			if token == "" {
				return "", &oauthError{code: "invalid_request", description: "the access token is empty", challenge: p.challenge("invalid_request", "")}
			}
		}
	}
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" {
		form, err := readForm(w, r)
		if err == nil && form.Has("access_token") {
			shown := form.Get("access_token")
			if token != "" && shown != "" || len(form["access_token"]) > 1 {
				return "", twice
			}
			token += shown // one of them is empty
		} else if err != nil && token == "" {
			return "", &oauthError{code: "invalid_request", description: err.Error(), challenge: p.challenge("invalid_request", "")}
		}
	}
	if token != "" && strings.Contains(r.URL.RawQuery, "access_token=") {
		return "", twice
	}
	return token, nil
}

// liveBearer is what the token stands for, or store.ErrNotFound.
func (p *Provider) liveBearer(tx store.ReadTx, hash store.Hash) (bearer, error) {
	now := p.now()
	t, err := tx.Token(store.KindAccess, hash)
	if err == nil && (!now.Before(t.ExpiresAt) || !p.isFor(t)) {
		err = store.ErrNotFound
	}
	if err != nil {
		return bearer{}, err
	}
	f, u, c, err := p.liveFamily(tx, t.Family, now)
	return bearer{t, f, u, c}, err
}

// challenge is the WWW-Authenticate of RFC 6750 section 3.
func (p *Provider) challenge(code, scope string) string {
	c := `Bearer realm="` + p.Issuer + `"`
	if code != "" {
		c += `, error="` + code + `"`
	}
	if scope != "" {
		c += `, scope="` + scope + `"`
	}
	return c
}
