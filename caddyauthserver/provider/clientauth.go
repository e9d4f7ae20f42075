package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// credentials are what a client shows of itself (RFC 6749 section 2.3).
type credentials struct {
	id, secret string
	hasSecret  bool
}

// authenticateClient finds the client that sends the request and checks its
// secret: by the Authorization header or by the form, never both, never the
// query. A public client only names itself.
func (p *Provider) authenticateClient(r *http.Request, form url.Values) (*client, error) {
	cred, err := clientCredentials(r.Header["Authorization"], form)
	var c *client
	if err == nil {
		c, err = p.checkCredentials(r.Context(), cred)
	}
	bad, ok := errors.AsType[*badCredentialsError](err)
	if !ok {
		return c, err
	}
	err = p.slowDown(p.invalidClient(), p.wrongCredentials(r, bad.clientID)...)
	if _, silent := errors.AsType[*tooManyError](err); !silent {
		p.Logger.Info("client authentication failed", "client_id", bad.clientID, "reason", bad.reason, "client_ip", p.ClientIP(r))
	}
	return nil, err
}

// badCredentialsError says that nobody is authenticated, and why: for the log.
type badCredentialsError struct {
	clientID string // "" unless there is one
	reason   string
}

func (e *badCredentialsError) Error() string { return e.reason }

// checkCredentials is the client whose credentials those are, or a
// *badCredentialsError.
func (p *Provider) checkCredentials(ctx context.Context, cred credentials) (*client, error) {
	c, err := p.findClient(ctx, cred.id)
	if errors.Is(err, errUnknownClient) {
		secretMatches([]string{"no such client"}, cred.secret)
		return nil, &badCredentialsError{reason: "unknown client"}
	}
	if err != nil {
		return nil, fmt.Errorf("finding client: %w", err)
	}
	switch {
	case c.Public && cred.hasSecret:
		return nil, &badCredentialsError{c.ID, "a public client has no secret"}
	case !c.Public && (!cred.hasSecret || !secretMatches(c.secrets, cred.secret)):
		return nil, &badCredentialsError{c.ID, "wrong or missing secret"}
	}
	return c, nil
}

// clientRequest reads a request that a client sends of itself: its form, and which
// client it is. It answers every refusal, and says whether there is more to do.
func (p *Provider) clientRequest(w http.ResponseWriter, r *http.Request) (*client, url.Values, bool) {
	form, err := readOAuthForm(w, r)
	if err != nil {
		p.oauthFailure(w, r, "reading the form of a client", err)
		return nil, nil, false
	}
	c, err := p.authenticateClient(r, form)
	if err != nil {
		p.oauthFailure(w, r, "authenticating client", err)
		return nil, nil, false
	}
	return c, form, true
}

// tokenAskedAbout is the token that a request is about (RFC 7009 section 2.1,
// RFC 7662 section 2.1). If there is none, it answers that.
func (p *Provider) tokenAskedAbout(w http.ResponseWriter, form url.Values) (secret string, ok bool) {
	if secret = form.Get("token"); secret == "" {
		p.oauthError(w, &oauthError{code: "invalid_request", description: "token is missing"})
	}
	return secret, secret != ""
}

// secretMatches compares in a time that tells neither where nor whether the
// lengths differ. An empty secret matches nothing, not even an empty one.
func secretMatches(secrets []string, shown string) bool {
	sum := sha256.Sum256([]byte(shown))
	match := 0
	for _, s := range secrets {
		want := sha256.Sum256([]byte(s))
		match |= subtle.ConstantTimeCompare(want[:], sum[:])
	}
	return match == 1 && shown != ""
}

// clientCredentials reads what the client shows, from one place only.
func clientCredentials(authorization []string, form url.Values) (credentials, error) {
	if len(authorization) > 1 {
		return credentials{}, &oauthError{code: "invalid_request", description: "more than one Authorization header"}
	}
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		return credentials{}, &badCredentialsError{reason: "client assertions are not known here"}
	}
	cred := credentials{id: form.Get("client_id"), secret: form.Get("client_secret"), hasSecret: form.Get("client_secret") != ""}
	if len(authorization) == 1 {
		id, secret, ok := parseBasic(authorization[0])
		if !ok {
			return credentials{}, &badCredentialsError{reason: "the Authorization header is not that of a client"}
		}
		if cred.hasSecret {
			return credentials{}, &oauthError{code: "invalid_request", description: "client authentication in the header and in the body"}
		}
		if cred.id != "" && cred.id != id {
			return credentials{}, &oauthError{code: "invalid_request", description: "client_id differs from the Authorization header"}
		}
		cred = credentials{id: id, secret: secret, hasSecret: secret != ""}
	}
	if cred.id == "" {
		return credentials{}, &badCredentialsError{reason: "no client_id"}
	}
	return cred, nil
}

// parseBasic reads the Basic scheme as OAuth uses it: id and secret are form
// encoded before they are joined (RFC 6749 section 2.3.1), which
// http.Request.BasicAuth does not undo.
func parseBasic(header string) (id, secret string, ok bool) {
	scheme, encoded, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Basic") || len(encoded) > 8<<10 {
		return "", "", false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil {
		return "", "", false
	}
	id, secret, found = strings.Cut(string(b), ":")
	if !found {
		return "", "", false
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return "", "", false
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return "", "", false
	}
	return id, secret, id != ""
}

func (p *Provider) invalidClient() *oauthError {
	return &oauthError{
		status: http.StatusUnauthorized, code: "invalid_client",
		description: "client authentication failed",
		challenge:   `Basic realm="` + p.Issuer + `"`,
	}
}
