package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// Pushed authorization requests (RFC 9126). What a client pushed is kept as a
// ticket, under the hash of its request_uri. The steps hand the request_uri on as
// they hand on a request that came in the query, and the ticket is spent with the
// answer: in the transaction that writes the code, or before an error is sent.
const (
	pushedTicket = "par"
	// pushedLifetime is how long a client has to send the person here. From then
	// on they have as long for the steps as anybody, by the memory of asked.go.
	pushedLifetime = 90 * time.Second
	// pushedPrefix begins every request_uri of ours (RFC 9126 section 2.2).
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
)

// errPushedOver says that a request_uri is good for nothing, whyever that is.
var errPushedOver = &requestError{
	text:   lang.T("This sign-in was used already, or took too long to begin. Go back to the application and start again."),
	detail: "request_uri is unknown, expired, used, or of another client.",
}

// isPushed says whether a request_uri is of this kind. Others point to documents
// elsewhere, which are not fetched.
func isPushed(requestURI string) bool { return strings.HasPrefix(requestURI, pushedPrefix) }

// pushRequest is the endpoint: it takes the parameters of an authorization
// request and answers with a name for them. All that can be wrong with them is
// said here, to the client alone.
func (p *Provider) pushRequest(w http.ResponseWriter, r *http.Request) {
	c, form, ok := p.clientRequest(w, r)
	if !ok {
		return
	}
	if c.Public {
		if wait := p.limits.take(p.unprovenRequest(r)...); wait > 0 {
			p.oauthFailure(w, r, "keeping a pushed authorization request", &tooManyError{wait})
			return
		}
	}
	uri := pushedPrefix + store.NewSecret()
	if err := p.keepPushed(r.Context(), c, form, uri); err != nil {
		if _, ok := errors.AsType[*requestError](err); ok {
			err = &oauthError{code: "invalid_request", description: "redirect_uri is missing or not registered for this client"}
		}
		p.oauthFailure(w, r, "keeping a pushed authorization request", err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(pushedLifetime / time.Second)})
}

// keepPushed checks the request in form and writes it down under uri.
func (p *Provider) keepPushed(ctx context.Context, c *client, form url.Values, uri string) error {
	if form.Has("request_uri") {
		return &oauthError{code: "invalid_request", description: "request_uri cannot be pushed"}
	}
	q := withoutAsked(form)
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		q.Del(name) // they say who pushes, not what
	}
	q.Set("client_id", c.ID)
	data := q.Encode()
	if len(data) > maxQuery {
		return &oauthError{status: http.StatusRequestEntityTooLarge, code: "invalid_request", description: "the request is too long"}
	}
	hash := store.HashOf(uri)
	if _, err := p.readAuthRequest(ctx, &authRequest{query: q, client: c, pushed: &hash}, q); err != nil {
		return err
	}
	now := p.now()
	return p.Store.Update(ctx, func(tx store.WriteTx) error {
		return tx.PutTicket(&store.Ticket{
			Kind: pushedTicket, Hash: hash, Data: data,
			CreatedAt: now, ExpiresAt: now.Add(pushedLifetime + askedLifetime),
		})
	})
}

// readPushed finds what the client of a pushed. Of the query only the names of the
// client and of the request count (RFC 9101 section 6.3).
func (p *Provider) readPushed(ctx context.Context, a *authRequest) (*authRequest, error) {
	if len(a.query["request_uri"]) > 1 {
		return nil, errPushedOver
	}
	uri := a.query.Get("request_uri")
	query := url.Values{"client_id": {a.client.ID}, "request_uri": {uri}}
	if asked, ok := firstOnly(a.query, askedParam); ok {
		query.Set(askedParam, asked)
	}
	hash := store.HashOf(uri)
	a.query, a.pushed = query, &hash
	var t *store.Ticket
	err := p.Store.View(ctx, func(tx store.ReadTx) (err error) {
		t, err = tx.Ticket(pushedTicket, hash)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errPushedOver
	}
	if err != nil {
		return nil, fmt.Errorf("reading a pushed authorization request: %w", err)
	}
	if _, begun := p.askedAt(query, a.browser); !begun && !p.now().Before(t.CreatedAt.Add(pushedLifetime)) {
		return nil, errPushedOver
	}
	pushed, err := url.ParseQuery(t.Data)
	if err != nil {
		return nil, fmt.Errorf("reading a pushed authorization request: %w", err)
	}
	if pushed.Get("client_id") != a.client.ID {
		p.Logger.Warn("a request_uri was used by another client", "client_id", a.client.ID, "pushed_by", pushed.Get("client_id"))
		return nil, errPushedOver
	}
	return p.readAuthRequest(ctx, a, pushed)
}

// spendPushed spends what was pushed, in the transaction of the answer; of several
// at once, one gets through.
func spendPushed(tx store.WriteTx, a *authRequest) error {
	if a.pushed == nil {
		return nil
	}
	_, err := tx.SpendTicket(pushedTicket, *a.pushed)
	if errors.Is(err, store.ErrNotFound) {
		return errPushedOver
	}
	if err != nil {
		return fmt.Errorf("spending a pushed authorization request: %w", err)
	}
	return nil
}

// endPushed is spendPushed for an answer that writes nothing else.
func (p *Provider) endPushed(ctx context.Context, a *authRequest) error {
	if a.pushed == nil {
		return nil
	}
	return p.Store.Update(ctx, func(tx store.WriteTx) error { return spendPushed(tx, a) })
}
