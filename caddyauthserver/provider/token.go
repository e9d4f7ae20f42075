package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// bought is what a grant bought, with what the ID token says of it.
type bought struct {
	issued
	scopes, resources []string
	family            *store.Family
	client            *client
	user              *store.User // nil for a client that acts for itself
	nonce             string
}

// token is the token endpoint (RFC 6749 section 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Pragma", "no-cache") // RFC 6749 section 5.1
	c, form, ok := p.clientRequest(w, r)
	if !ok {
		return
	}
	grant := form.Get("grant_type")
	b, err := p.buy(r.Context(), c, grant, form)
	if err == nil && c.AccessTokenFormat == store.AccessTokenJWT {
		b.access, err = p.signAccessToken(r.Context(), b)
	}
	if err != nil {
		p.oauthFailure(w, r, "token request", p.wrongGrant(r, c, err))
		return
	}
	answer := map[string]any{
		"access_token": b.access,
		"token_type":   "Bearer",
		"expires_in":   int(p.accessEnd(b).Sub(p.now()) / time.Second),
	}
	if b.refresh != "" {
		answer["refresh_token"] = b.refresh
	}
	if len(b.scopes) > 0 {
		answer["scope"] = strings.Join(b.scopes, " ")
	}
	if slices.Contains(b.scopes, "openid") {
		idToken, err := p.signIDToken(r.Context(), b)
		if err != nil {
			p.oauthFailure(w, r, "signing ID token", err)
			return
		}
		answer["id_token"] = idToken
	}
	p.meter.tokens[grant].Add(1)
	writeJSON(w, http.StatusOK, answer)
}

// buy is what a grant of this type buys.
func (p *Provider) buy(ctx context.Context, c *client, grant string, form url.Values) (*bought, error) {
	switch {
	case grant == "":
		return nil, &oauthError{code: "invalid_request", description: "grant_type is missing"}
	case !slices.Contains(store.GrantTypes(), grant):
		return nil, &oauthError{code: "unsupported_grant_type", description: "grant_type must be one of " + strings.Join(store.GrantTypes(), " ")}
	case !c.MayUse(grant):
		return nil, &oauthError{code: "unauthorized_client", description: "this client may not use grant type " + grant}
	}
	switch grant {
	case store.GrantCode:
		return p.redeemCode(ctx, c, form)
	case store.GrantRefresh:
		return p.refreshTokens(ctx, c, form)
	case store.GrantDevice:
		return p.redeemDevice(ctx, c, form)
	default:
		return p.clientCredentials(ctx, c, form)
	}
}

// accessEnd is when an access token that was just bought ends.
func (p *Provider) accessEnd(b *bought) time.Time {
	return p.familyEnd(b.family, p.now().Add(p.accessLifetime(b.client)))
}

// redeemCode spends a code. Everything that can be wrong is looked at before it
// is spent, so that a stranger who only saw the code cannot burn it.
func (p *Provider) redeemCode(ctx context.Context, c *client, form url.Values) (*bought, error) {
	code := form.Get("code")
	if code == "" {
		return nil, &oauthError{code: "invalid_request", description: "code is missing"}
	}
	unusable := invalidGrant("code is unknown, expired, used, or of another client")
	return p.spend(ctx, c, store.KindCode, code, unusable, nil, func(tx store.WriteTx, t *store.Token, f *store.Family, now time.Time) (*bought, error) {
		if f.ClientID != c.ID {
			return nil, unusable
		}
		if form.Get("redirect_uri") != t.RedirectURI {
			return nil, invalidGrant("redirect_uri is not that of the authorization request")
		}
		if err := checkVerifier(t.CodeChallenge, form.Get("code_verifier")); err != nil {
			return nil, err
		}
		if t.CodeChallenge == "" && c.NeedsPKCE() {
			return nil, invalidGrant("this client must use PKCE")
		}
		resources, oe := p.narrowedResources(c, f.Resources, form["resource"])
		if oe != nil {
			return nil, oe
		}
		tokens, err := p.grants(tx, c, now).redeem(ctx, code, form.Get("code_verifier"), t, f, resources)
		return &bought{issued: tokens, scopes: slices.Clone(f.Scopes), resources: resources, family: f, client: c, nonce: t.Nonce}, err
	})
}

// refreshTokens spends a refresh token for the next.
func (p *Provider) refreshTokens(ctx context.Context, c *client, form url.Values) (*bought, error) {
	refresh := form.Get("refresh_token")
	if refresh == "" {
		return nil, &oauthError{code: "invalid_request", description: "refresh_token is missing"}
	}
	unusable := invalidGrant("refresh_token is unknown, expired, used, or of another client")
	again := func(tx store.WriteTx, family string, now time.Time) (*bought, error) {
		return p.refreshAgain(tx, c, refresh, family, form, now)
	}
	return p.spend(ctx, c, store.KindRefresh, refresh, unusable, again, func(tx store.WriteTx, t *store.Token, f *store.Family, now time.Time) (*bought, error) {
		if f.ClientID != c.ID {
			return nil, unusable
		}
		scopes, resources, oe := p.narrowedRequest(c, f, form)
		if oe != nil {
			return nil, oe
		}
		tokens, err := p.grants(tx, c, now).rotate(ctx, refresh, f, scopes, resources)
		// The refreshed ID token has no nonce (OpenID Connect Core section 12.2).
		return &bought{issued: tokens, scopes: scopes, resources: resources, family: f, client: c}, err
	})
}

// spend looks at a one-time token and has redeem spend it, in one transaction. For one
// that was spent before, see spentBefore. unusable is the answer to all that is not
// there or is over.
func (p *Provider) spend(ctx context.Context, c *client, kind store.TokenKind, secret string, unusable *oauthError,
	again func(tx store.WriteTx, family string, now time.Time) (*bought, error),
	redeem func(store.WriteTx, *store.Token, *store.Family, time.Time) (*bought, error)) (*bought, error) {
	var b *bought
	var replayed *store.Family
	err := p.Store.Update(ctx, func(tx store.WriteTx) error {
		b, replayed = nil, nil
		now, hash := p.now(), store.HashOf(secret)
		t, err := tx.Token(kind, hash)
		if errors.Is(err, store.ErrNotFound) {
			b, replayed, err = spentBefore(tx, c, kind, hash, again, now)
			return err
		}
		if err != nil {
			return err
		}
		if !now.Before(t.ExpiresAt) {
			return store.ErrNotFound
		}
		f, u, _, err := p.liveFamily(tx, t.Family, now)
		if err != nil {
			return err
		}
		if b, err = redeem(tx, t, f, now); b != nil {
			b.user = u
		}
		return err
	})
	if replayed != nil && err == nil {
		p.Logger.Warn("a one-time token was used twice; everything it bought is revoked",
			"kind", string(kind), "client_id", replayed.ClientID, "user_id", replayed.UserID)
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && b == nil {
		return nil, unusable
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// spentBefore is for a one-time token that is not there: store.ErrNotFound if it never
// was. One that was spent before, and for which again (nil: never) finds no excuse, was
// stolen, now or then: its family goes. That is no error, since it must be committed
// although the request is refused.
func spentBefore(tx store.WriteTx, c *client, kind store.TokenKind, hash store.Hash,
	again func(tx store.WriteTx, family string, now time.Time) (*bought, error), now time.Time) (b *bought, replayed *store.Family, err error) {
	_, err = tx.SpendToken(kind, hash)
	spent, ok := errors.AsType[*store.SpentError](err)
	switch {
	case !ok && err == nil:
		return nil, nil, store.ErrNotFound
	case !ok:
		return nil, nil, err
	}
	if again != nil {
		if b, err = again(tx, spent.Family, now); !errors.Is(err, store.ErrNotFound) {
			return b, nil, err
		}
	}
	if replayed, err = killFamily(tx, c, spent.Family); err != nil {
		return nil, nil, err
	}
	return nil, replayed, store.Audit(tx, store.AuditOrigin{Actor: c.party(), Time: now}, store.ActionTokenReplay, partyOfFamily(replayed),
		store.AuditChange{Field: "kind", New: string(kind)})
}

// killFamily ends a family of client c. That of another is store.ErrNotFound: a
// public client's name is all it takes to ask.
func killFamily(tx store.WriteTx, c *client, id string) (*store.Family, error) {
	f, err := tx.Family(id)
	if err != nil {
		return nil, err
	}
	if f.ClientID != c.ID {
		return nil, store.ErrNotFound
	}
	if err := tx.DeleteFamily(id); err != nil {
		return nil, fmt.Errorf("ending family: %w", err)
	}
	return f, nil
}

// narrowedRequest reads what a refresh asks for of what was granted.
func (p *Provider) narrowedRequest(c *client, f *store.Family, form url.Values) (scopes, resources []string, oe *oauthError) {
	if scopes, oe = narrowed(c, f.Scopes, form.Get("scope")); oe != nil {
		return nil, nil, oe
	}
	resources, oe = p.narrowedResources(c, f.Resources, form["resource"])
	return scopes, resources, oe
}

// familyEnd is at, or before that the latest time to which the session can last
// from which the family came: a session that ends without anybody signing out
// ends no family.
func (p *Provider) familyEnd(f *store.Family, at time.Time) time.Time {
	if end := f.AuthTime.Add(p.SessionAbsolute); f.UserID != 0 && !offline(f) && end.Before(at) {
		return end
	}
	return at
}

// offline says whether the person gave access for while they are away.
func offline(f *store.Family) bool { return slices.Contains(f.Scopes, "offline_access") }
