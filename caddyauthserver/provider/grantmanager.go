package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	oauth2 "github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"

	"github.com/caddyito/caddyito/store"
)

// grants is go-oauth2's grant machinery, bound to one transaction and to one
// client that has been authenticated. It makes codes and tokens and moves them
// through the store; that it all happens in one transaction is what makes a
// code spendable once. Parsing, client authentication, redirect URIs, PKCE,
// scopes and families are decided before it is asked, and it is not shown the
// request, so that nothing in one can reach what is stored.
type grants struct {
	*manage.Manager
	tokens *txTokens
}

func (p *Provider) grants(tx store.WriteTx, c *client, now time.Time) *grants {
	t := &txTokens{tx: tx, p: p, c: c, now: now}
	m := manage.NewManager()
	m.MapTokenStorage(t)
	m.MapClientStorage(authenticated{c})
	m.MapAuthorizeGenerate(newCodes{})
	m.MapAccessGenerate(newTokens{p})
	m.SetAuthorizeCodeExp(p.CodeLifetime)
	first := &manage.Config{
		AccessTokenExp: p.accessLifetime(c), RefreshTokenExp: p.refreshLifetime(c), IsGenerateRefresh: c.MayUse(store.GrantRefresh),
	}
	m.SetAuthorizeCodeTokenCfg(first)
	// By this name it makes tokens that rest on a person's word and no code of its
	// own: see (*grants).first.
	m.SetPasswordTokenCfg(first)
	m.SetRefreshTokenCfg(&manage.RefreshingConfig{
		AccessTokenExp: p.accessLifetime(c), RefreshTokenExp: p.refreshLifetime(c),
		IsGenerateRefresh: true, IsResetRefreshTime: true, IsRemoveRefreshing: true,
	})
	// Its default accepts any host that ends like the client's.
	m.SetValidateURIHandler(func(_, uri string) error {
		if !c.mayBeAnsweredAt(uri) {
			return errors.New("redirect URI is not registered")
		}
		return nil
	})
	return &grants{m, t}
}

// newCode writes a family and its code.
func (g *grants) newCode(ctx context.Context, f *store.Family, a *authorization) (string, error) {
	if err := g.tokens.tx.PutFamily(f); err != nil {
		return "", fmt.Errorf("writing family: %w", err)
	}
	g.tokens.family = f
	g.tokens.nonce = a.nonce
	req := &oauth2.TokenGenerateRequest{
		ClientID: f.ClientID, UserID: strconv.FormatInt(f.UserID, 10),
		RedirectURI: a.redirectURI, Scope: strings.Join(f.Scopes, " "),
	}
	if a.challenge != "" {
		req.CodeChallenge, req.CodeChallengeMethod = a.challenge, oauth2.CodeChallengeS256
	}
	ti, err := g.GenerateAuthToken(ctx, oauth2.Code, req)
	if err != nil {
		return "", err
	}
	return ti.GetCode(), nil
}

// issued are the tokens that a code or refresh token bought, in the clear.
type issued struct{ access, refresh string }

// redeem spends the code of family f and writes what it buys: an access token for
// these resources, and a refresh token unless the client may not use one. Verifier
// and redirect URI have been checked.
func (g *grants) redeem(ctx context.Context, code, verifier string, t *store.Token, f *store.Family, resources []string) (issued, error) {
	g.tokens.family, g.tokens.resources = f, resources
	ti, err := g.GenerateAccessToken(ctx, oauth2.AuthorizationCode, &oauth2.TokenGenerateRequest{
		ClientID: f.ClientID, RedirectURI: t.RedirectURI, Code: code, CodeVerifier: verifier,
	})
	if err != nil {
		return issued{}, err
	}
	return issued{ti.GetAccess(), ti.GetRefresh()}, nil
}

// first writes the first tokens of family f, for a grant that the machinery does
// not know. What it rests on has been checked, and is spent by the caller.
func (g *grants) first(ctx context.Context, f *store.Family, resources []string) (issued, error) {
	g.tokens.family, g.tokens.resources = f, resources
	ti, err := g.GenerateAccessToken(ctx, oauth2.PasswordCredentials, &oauth2.TokenGenerateRequest{
		ClientID: f.ClientID, UserID: strconv.FormatInt(f.UserID, 10), Scope: strings.Join(f.Scopes, " "),
	})
	if err != nil {
		return issued{}, err
	}
	return issued{ti.GetAccess(), ti.GetRefresh()}, nil
}

// rotate spends a refresh token of family f and writes an access token of these
// scopes for these resources and the next refresh token, which keeps the family's.
func (g *grants) rotate(ctx context.Context, refresh string, f *store.Family, scopes, resources []string) (issued, error) {
	g.tokens.family, g.tokens.resources = f, resources
	ti, err := g.RefreshAccessToken(ctx, &oauth2.TokenGenerateRequest{Refresh: refresh, Scope: strings.Join(scopes, " ")})
	if err != nil {
		return issued{}, err
	}
	return issued{ti.GetAccess(), ti.GetRefresh()}, nil
}

// putAccess writes one more access token of family f.
func (p *Provider) putAccess(tx store.WriteTx, c *client, f *store.Family, scopes, resources []string, now time.Time) (string, error) {
	t := &txTokens{tx: tx, p: p, c: c, now: now, family: f, resources: resources}
	access := store.NewSecret()
	return access, t.putAccess(access, scopes)
}

// newCodes and newTokens make 256 bits; those of go-oauth2 have 122. A refresh
// token that is spent says what its successor is.
type (
	newCodes  struct{}
	newTokens struct{ p *Provider }
)

func (newCodes) Token(context.Context, *oauth2.GenerateBasic) (string, error) {
	return store.NewSecret(), nil
}

func (n newTokens) Token(_ context.Context, data *oauth2.GenerateBasic, withRefresh bool) (string, string, error) {
	if !withRefresh {
		return store.NewSecret(), "", nil
	}
	if spent := data.TokenInfo.GetRefresh(); spent != "" {
		return store.NewSecret(), n.p.successor(spent), nil
	}
	return store.NewSecret(), store.NewSecret(), nil
}

// authenticated is the one client the machinery knows. Its secret was checked
// by authenticateClient; the machinery's own check takes an empty one for any.
type authenticated struct{ c *client }

func (a authenticated) GetByID(_ context.Context, id string) (oauth2.ClientInfo, error) {
	if id != a.c.ID {
		return nil, errUnknownClient
	}
	return a, nil
}
func (a authenticated) GetID() string              { return a.c.ID }
func (a authenticated) GetSecret() string          { return "" }
func (a authenticated) GetDomain() string          { return "" }
func (a authenticated) IsPublic() bool             { return a.c.Public }
func (a authenticated) GetUserID() string          { return "" }
func (a authenticated) VerifyPassword(string) bool { return true }

// txTokens is the machinery's token store: a transaction of ours.
type txTokens struct {
	tx        store.WriteTx
	p         *Provider
	c         *client
	now       time.Time
	family    *store.Family
	nonce     string
	resources []string // of the access token
}

// Create writes what was made: a code, or an access and a refresh token.
func (t *txTokens) Create(_ context.Context, ti oauth2.TokenInfo) error {
	if code := ti.GetCode(); code != "" {
		return t.put(store.KindCode, store.HashOf(code), &store.Token{
			Scopes: t.family.Scopes, ExpiresAt: t.now.Add(t.p.CodeLifetime),
			RedirectURI: ti.GetRedirectURI(), CodeChallenge: ti.GetCodeChallenge(), Nonce: t.nonce,
		})
	}
	// The family lives as long as it can be refreshed, and so does the memory
	// of what was spent.
	f := *t.family
	lifetime := t.p.accessLifetime(t.c)
	if ti.GetRefresh() != "" {
		lifetime = max(lifetime, t.p.refreshLifetime(t.c))
	}
	f.ExpiresAt = t.p.familyEnd(&f, t.now.Add(lifetime))
	if err := t.tx.PutFamily(&f); err != nil {
		return fmt.Errorf("prolonging family: %w", err)
	}
	if err := t.putAccess(ti.GetAccess(), strings.Fields(ti.GetScope())); err != nil {
		return err
	}
	if ti.GetRefresh() == "" {
		return nil
	}
	return t.put(store.KindRefresh, store.HashOf(ti.GetRefresh()), &store.Token{
		Scopes: t.family.Scopes, ExpiresAt: t.now.Add(t.p.refreshLifetime(t.c)),
	})
}

func (t *txTokens) putAccess(secret string, scopes []string) error {
	return t.put(store.KindAccess, t.p.accessHash(t.c, secret), &store.Token{
		Scopes: scopes, Resources: t.resources, ExpiresAt: t.now.Add(t.p.accessLifetime(t.c)),
	})
}

func (t *txTokens) put(kind store.TokenKind, hash store.Hash, tok *store.Token) error {
	tok.Kind, tok.Hash, tok.Family, tok.CreatedAt = kind, hash, t.family.ID, t.now
	tok.Scopes, tok.Resources = slices.Clone(tok.Scopes), slices.Clone(tok.Resources)
	if err := t.tx.PutToken(tok); err != nil {
		return fmt.Errorf("writing %s: %w", kind, err)
	}
	return nil
}

// get shows a token to the machinery. Its expiry was checked by spend, against
// our clock, so the machinery, which asks its own, is told that it never ends.
func (t *txTokens) get(kind store.TokenKind, secret string) (*models.Token, *store.Token, error) {
	tok, err := t.tx.Token(kind, store.HashOf(secret))
	if err != nil {
		return nil, nil, err
	}
	if tok.Family != t.family.ID {
		return nil, nil, store.ErrNotFound
	}
	ti := models.NewToken()
	ti.SetClientID(t.family.ClientID)
	ti.SetUserID(strconv.FormatInt(t.family.UserID, 10))
	ti.SetScope(strings.Join(t.family.Scopes, " "))
	return ti, tok, nil
}

func (t *txTokens) GetByCode(_ context.Context, code string) (oauth2.TokenInfo, error) {
	ti, tok, err := t.get(store.KindCode, code)
	if err != nil {
		return nil, err
	}
	ti.SetCode(code)
	ti.SetCodeCreateAt(time.Now())
	ti.SetCodeExpiresIn(time.Hour)
	ti.SetRedirectURI(tok.RedirectURI)
	if tok.CodeChallenge != "" {
		ti.SetCodeChallenge(tok.CodeChallenge)
		ti.SetCodeChallengeMethod(oauth2.CodeChallengeS256)
	}
	return ti, nil
}

func (t *txTokens) GetByRefresh(_ context.Context, refresh string) (oauth2.TokenInfo, error) {
	ti, _, err := t.get(store.KindRefresh, refresh)
	if err != nil {
		return nil, err
	}
	ti.SetRefresh(refresh)
	return ti, nil
}

// GetByAccess is not part of any grant; access tokens are looked up by bearer.
func (t *txTokens) GetByAccess(context.Context, string) (oauth2.TokenInfo, error) {
	return nil, store.ErrNotFound
}

func (t *txTokens) RemoveByCode(_ context.Context, code string) error {
	_, err := t.tx.SpendToken(store.KindCode, store.HashOf(code))
	return err
}

func (t *txTokens) RemoveByRefresh(_ context.Context, refresh string) error {
	_, err := t.tx.SpendToken(store.KindRefresh, store.HashOf(refresh))
	return err
}

// RemoveByAccess is not part of any grant; revoke deletes access tokens.
func (t *txTokens) RemoveByAccess(context.Context, string) error { return nil }
