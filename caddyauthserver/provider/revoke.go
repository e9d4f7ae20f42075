package provider

import (
	"errors"
	"net/http"

	"github.com/caddyito/caddyito/store"
)

// revoke ends a token of the client that asks (RFC 7009). A refresh token takes
// everything of its family with it. So does an access token, unless the person
// gave access for while they are away: then only it goes, and the client can go
// on refreshing. A token that is unknown, gone or another client's is answered
// alike and left as it is.
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	c, form, ok := p.clientRequest(w, r)
	if !ok {
		return
	}
	secret, ok := p.tokenAskedAbout(w, form)
	if !ok {
		return
	}
	// token_type_hint only says where to look first; both are looked at anyway.
	hashes, err := p.shownToken(r.Context(), secret)
	if err != nil {
		p.oauthFailure(w, r, "revoking token", err)
		return
	}
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		for kind, hash := range hashes {
			err := p.revokeKind(tx, r, c, kind, hash)
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.oauthFailure(w, r, "revoking token", err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (p *Provider) revokeKind(tx store.WriteTx, r *http.Request, c *client, kind store.TokenKind, hash store.Hash) error {
	t, err := tx.Token(kind, hash)
	if err != nil {
		return err
	}
	f, err := tx.Family(t.Family)
	if err != nil || f.ClientID != c.ID {
		return err
	}
	if kind == store.KindAccess && offline(f) {
		return tx.DeleteToken(kind, hash)
	}
	// A gate revokes the access token of every login, which is nothing to tell of.
	if kind == store.KindRefresh {
		if err := store.Audit(tx, p.byClient(r, c), store.ActionTokenRevoke, partyOfFamily(f)); err != nil {
			return err
		}
	}
	return tx.DeleteFamily(f.ID)
}
