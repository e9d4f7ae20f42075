package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

const (
	maxLogoutForm   = 64 << 10
	logoutTokenType = "logout+jwt"
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
	// maxLogoutAge is the age beyond which a logout token is refused, so that what
	// was used need not be remembered for longer.
	maxLogoutAge = 24 * time.Hour
)

// logoutOrder is a logout token that passed every check: the sessions of sid, or
// if that is empty, of subject, are over.
type logoutOrder struct {
	subject, sid, id string
	expires          time.Time
}

// ServeBackchannelLogout is /oidc/backchannel-logout (OpenID Connect Back-Channel
// Logout 1.0 sections 2.5 to 2.8): the issuer says that somebody signed out. Its
// signature says who sends it, so it asks for no session.
func (g *Gate) ServeBackchannelLogout(w http.ResponseWriter, r *http.Request) {
	if !allowMethods(w, r, http.MethodPost) {
		return
	}
	raw, err := logoutTokenOf(w, r)
	if err != nil {
		g.refuseLogout(w, err)
		return
	}
	is, err := g.issuer.get()
	if err != nil {
		g.logoutUnavailable(w, fmt.Errorf("reading the issuer's metadata: %w", err))
		return
	}
	order, err := g.verifyLogoutToken(r.Context(), is, raw)
	if err != nil {
		if errors.Is(err, errNoKeys) {
			g.logoutUnavailable(w, err)
			return
		}
		g.refuseLogout(w, err)
		return
	}
	ended, err := g.endSessions(r.Context(), order)
	switch {
	case errors.Is(err, store.ErrSpent):
		g.refuseLogout(w, errors.New("the logout token was used before"))
		return
	case err != nil:
		g.logoutUnavailable(w, err)
		return
	}
	g.meter.sessionsEnded.Add(uint64(ended))
	if ended > 0 { // sync may have been quicker
		g.log.Info("the issuer ended sessions", "sessions", ended)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// logoutTokenOf reads the form, which has one parameter that counts.
func logoutTokenOf(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := formBody(w, r, maxLogoutForm)
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return "", errors.New("the form is malformed")
	}
	if len(form["logout_token"]) != 1 {
		return "", errors.New("the form must have one logout_token")
	}
	return form.Get("logout_token"), nil
}

// formBody is the body of a POST, encoded as the query of an address is.
func formBody(w http.ResponseWriter, r *http.Request, limit int64) (string, error) {
	if typ, _, err := mime.ParseMediaType(first(r.Header, "Content-Type")); err != nil || typ != "application/x-www-form-urlencoded" {
		return "", errors.New("the content type is not application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return "", fmt.Errorf("the form is longer than %d KB, or broke off", limit>>10)
	}
	return string(body), nil
}

// verifyLogoutToken is section 2.6. go-oidc checks signature, algorithm, issuer,
// audience and expiry; the rest is here.
func (g *Gate) verifyLogoutToken(ctx context.Context, is *issuer, raw string) (*logoutOrder, error) {
	if raw == "" || len(raw) > maxIDToken {
		return nil, fmt.Errorf("the logout token has %d bytes; it must have 1 to %d", len(raw), maxIDToken)
	}
	typ, err := tokenType(raw)
	if err != nil {
		return nil, fmt.Errorf("the logout token: %w", err)
	}
	// A server of ours says what it signs. Others may leave that out.
	ours := is.profile != ""
	explicit := strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), logoutTokenType)
	if !explicit && (ours || typ != "" && !strings.EqualFold(typ, "JWT")) {
		return nil, fmt.Errorf("a token of type %.40q is not a logout token", typ)
	}
	if is, err = g.issuer.signing(is, raw, keysPause); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	t, err := is.strangers.Verify(ctx, raw)
	if err != nil && strings.Contains(err.Error(), errNoKeys.Error()) { // go-oidc wraps no error
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	if err != nil {
		return nil, fmt.Errorf("checking the logout token: %w", err)
	}
	var c struct {
		ID     string                     `json:"jti"`
		SID    string                     `json:"sid"`
		Events map[string]json.RawMessage `json:"events"`
	}
	var all map[string]json.RawMessage
	if err := errors.Join(t.Claims(&c), t.Claims(&all)); err != nil {
		return nil, fmt.Errorf("reading the logout token: %w", err)
	}
	var event map[string]json.RawMessage
	_, nonce := all["nonce"]
	now := g.cfg.Now()
	switch {
	case json.Unmarshal(c.Events[logoutEvent], &event) != nil || event == nil:
		return nil, errors.New("the token has no logout event: it is not a logout token")
	case nonce:
		return nil, errors.New("a token with a nonce is not a logout token")
	case t.IssuedAt.Unix() <= 0:
		return nil, errors.New("the logout token has no iat")
	case t.IssuedAt.After(now.Add(leeway)):
		return nil, fmt.Errorf("the logout token was issued %s in the future: one of the clocks is wrong", t.IssuedAt.Sub(now).Round(time.Second))
	case t.IssuedAt.Before(now.Add(-maxLogoutAge)):
		return nil, errors.New("the logout token is too old")
	case !goodName(c.ID):
		return nil, errors.New("the logout token has no usable jti")
	case t.Subject == "" && c.SID == "":
		return nil, errors.New("the logout token has neither sub nor sid")
	case t.Subject != "" && !goodName(t.Subject), c.SID != "" && !goodName(c.SID):
		return nil, errors.New("the logout token has a sub or sid that cannot be used")
	}
	until := t.Expiry
	if last := t.IssuedAt.Add(maxLogoutAge); until.After(last) {
		until = last
	}
	return &logoutOrder{subject: t.Subject, sid: c.SID, id: c.ID, expires: until.Add(2 * leeway)}, nil
}

func goodName(s string) bool { return s != "" && len(s) <= maxSubject && clean(s) }

// endSessions carries the order out, once.
func (g *Gate) endSessions(ctx context.Context, order *logoutOrder) (ended int, err error) {
	err = g.cfg.Store.Update(ctx, func(tx store.WriteTx) (err error) {
		ended = 0
		if err := tx.MarkUsed("logout token of "+g.cfg.Name, order.id, order.expires); err != nil {
			return err
		}
		if order.sid == "" {
			ended, err = tx.DeleteSessionsOf(g.cfg.Name, order.subject, store.Hash{})
			return err
		}
		sessions, err := tx.SessionsBySID(g.cfg.Name, order.sid)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			if order.subject != "" && s.Subject != order.subject {
				continue
			}
			if err := tx.DeleteSession(g.cfg.Name, s.Hash); err != nil {
				return err
			}
			ended++
		}
		return nil
	})
	return ended, err
}

// refuseLogout is section 2.8.
func (g *Gate) refuseLogout(w http.ResponseWriter, err error) {
	g.log.Warn("refused a back-channel logout", "error", oneLine(err.Error()))
	g.answerLogout(w, http.StatusBadRequest, "invalid_request", oneLine(err.Error()))
}

func (g *Gate) logoutUnavailable(w http.ResponseWriter, err error) {
	g.log.Error("cannot carry out a back-channel logout; the issuer has to try again", "error", plainError(err))
	w.Header().Set("Retry-After", "5")
	g.answerLogout(w, http.StatusServiceUnavailable, "temporarily_unavailable", "the sign-out cannot be carried out at the moment")
}

func (g *Gate) answerLogout(w http.ResponseWriter, status int, code, description string) {
	usersync.Answer(w, status, map[string]string{"error": code, "error_description": description})
}
