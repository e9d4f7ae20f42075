package provider

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// introspect tells a confidential client what one of its own tokens stands for
// (RFC 7662). Of any other, and of what is not live, it says that it is not
// active and nothing more (section 2.2).
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	c, form, ok := p.clientRequest(w, r)
	if !ok {
		return
	}
	if c.Public {
		// Who only names a client has not been authorized to ask (section 4).
		p.oauthError(w, p.invalidClient())
		return
	}
	secret, ok := p.tokenAskedAbout(w, form)
	if !ok {
		return
	}
	answer := map[string]any{"active": false}
	hashes, err := p.shownToken(r.Context(), secret)
	if err != nil {
		p.oauthFailure(w, r, "looking up token", err)
		return
	}
	err = p.Store.View(r.Context(), func(tx store.ReadTx) error {
		// token_type_hint only says where to look first; both are looked at anyway.
		for kind, hash := range hashes {
			found, err := p.introspectKind(tx, c, kind, hash)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err == nil {
				answer = found
			}
			return err
		}
		return nil
	})
	if err != nil {
		p.oauthFailure(w, r, "looking up token", err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// introspectKind is what there is to say of a live token of c, or
// store.ErrNotFound.
func (p *Provider) introspectKind(tx store.ReadTx, c *client, kind store.TokenKind, hash store.Hash) (map[string]any, error) {
	now := p.now()
	t, err := tx.Token(kind, hash)
	if err != nil {
		return nil, err
	}
	f, u, _, err := p.liveFamily(tx, t.Family, now)
	if err != nil {
		return nil, err
	}
	end := p.familyEnd(f, t.ExpiresAt)
	if f.ClientID != c.ID || !now.Before(end) {
		return nil, store.ErrNotFound
	}
	answer := map[string]any{
		"active":    true,
		"iss":       p.Issuer,
		"client_id": f.ClientID,
		"sub":       subjectOf(f),
		"iat":       t.CreatedAt.Unix(),
		"exp":       end.Unix(),
	}
	if u != nil {
		answer["username"] = u.Username
	}
	if len(t.Scopes) > 0 {
		answer["scope"] = strings.Join(t.Scopes, " ")
	}
	if len(t.Resources) > 0 {
		answer["aud"] = t.Resources
	}
	if kind == store.KindAccess {
		answer["token_type"] = "Bearer"
	}
	return answer, nil
}
