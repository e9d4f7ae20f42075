package gate

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

const (
	// callbackTimeout is that of all: several requests to the issuer, and the
	// gate's own write.
	callbackTimeout = 30 * time.Second
	maxCallback     = 16 << 10 // bytes of the query
)

// serveCallback is /oidc/callback: where the issuer sends the browser back.
func (g *Gate) serveCallback(w http.ResponseWriter, r *http.Request, o *origin) {
	if g.cfg.FormPost && r.Method == http.MethodPost {
		g.continueCallback(w, r)
		return
	}
	if !allowMethods(w, r, http.MethodGet) { // HEAD would spend the code
		return
	}
	q, err := g.callbackParameters(r.URL.RawQuery)
	if err != nil {
		g.log.Warn("refused a callback", "error", err)
		g.damagedCallback(w, r)
		return
	}
	a, err := g.openAttempt(q["state"])
	if err != nil {
		g.log.Warn("refused a callback", "error", err)
		g.damagedCallback(w, r)
		return
	}
	browser, hasCookie := secretCookie(r.Header, o.browserCookie)
	hash := hashSecret(browser)
	switch {
	case !hasCookie || subtle.ConstantTimeCompare(hash[:], a.browser[:]) != 1:
		// Another tab's cookie took the place of this one's, or the browser
		// keeps none, or someone else's callback address was slipped to this
		// browser. In each case: nobody is signed in by it.
		g.startOver(w, r, o, a, "the browser is not the one that began, or keeps no cookies")
		return
	case a.origin != o.url:
		g.startOver(w, r, o, a, "the login began at another origin")
		return
	case a.expires <= g.cfg.Now().Unix():
		g.startOver(w, r, o, a, "the login took longer than "+attemptLifetime.String())
		return
	case !g.spent.spend(a.id):
		g.startOver(w, r, o, a, "the login was used before")
		return
	}
	is, err := g.issuer.getAgain(r.Context())
	if err != nil {
		g.issuerUnavailable(w, r)
		return
	}
	if iss, ok := q["iss"]; ok && iss != is.url || !ok && is.namesItself {
		// RFC 9207 section 2.4: the answer of another issuer.
		g.log.Warn("refused a callback: it does not come from the issuer", "issuer", is.url)
		g.loginFailed(w, r, a.path)
		return
	}
	if code := q["error"]; code != "" {
		g.refusedByIssuer(w, r, a, code)
		return
	}
	if q["code"] == "" {
		g.log.Warn("refused a callback: it has neither code nor error")
		g.loginFailed(w, r, a.path)
		return
	}
	g.finishLogin(w, r, o, is, a, q["code"])
}

// finishLogin redeems the code and begins the session.
func (g *Gate) finishLogin(w http.ResponseWriter, r *http.Request, o *origin, is *issuer, a *attempt, code string) {
	// Not the request's context, nor one that ends with the gate: a browser that
	// goes away or a reload must not leave a code spent and nobody signed in.
	ctx, cancel := context.WithTimeout(g.issuer.withClient(context.Background()), callbackTimeout)
	defer cancel()
	if g.cfg.Scheme(r) != o.scheme {
		g.startLogin(w, r, o, a.path, "", a.retries) // says which address is needed
		return
	}
	token, err := g.exchange(ctx, is, o, a, code)
	if err != nil {
		g.exchangeFailed(w, r, is, a, err)
		return
	}
	isKept := false
	defer func() {
		if !isKept {
			g.revoke(is, token)
		}
	}()
	idToken, err := g.verifyIDToken(ctx, is, token, a)
	if err != nil {
		g.exchangeFailed(w, r, is, a, err)
		return
	}
	records, feed, err := g.profile(ctx, is, token, idToken)
	if err != nil {
		g.exchangeFailed(w, r, is, a, err)
		return
	}
	secret, err := g.beginSession(ctx, r, o, records, feed, idToken, token)
	if errors.Is(err, errDisabled) {
		g.log.Warn("refused a sign-in: the user is disabled", "user", records[0].ID)
		g.pages.Message(w, r, http.StatusForbidden, webpage.Message{
			Title:    lang.T("Account disabled"),
			Text:     lang.T("This account may not sign in. Ask whoever runs this site."),
			LinkText: lang.T("Sign out"), LinkURL: g.cfg.Prefix + "/logout",
		})
		return
	}
	if err != nil {
		g.log.Error("cannot write the session; the sign-in is refused", "error", err)
		g.storeUnavailable(w, r)
		return
	}
	isKept = g.cfg.KeepTokens
	g.log.Info("signed_in", "user", records[0].ID, "origin", o.url)
	o.setCookie(w, o.sessionCookie, secret)
	g.redirect(w, http.StatusSeeOther, a.path)
}

// followFeed makes the mirror one of the server's feed. What it holds of another
// says nothing about this server's people, and neither do sessions.
func (g *Gate) followFeed(tx store.WriteTx, feed string) error {
	state, err := tx.MirrorState(g.cfg.Name)
	if err != nil || feed == "" || state.FeedID == feed {
		return err
	}
	if state.FeedID != "" {
		if err := store.ForgetMirror(tx, g.cfg.Name); err != nil {
			return err
		}
	}
	return tx.PutMirrorState(g.cfg.Name, store.MirrorState{FeedID: feed})
}

func (g *Gate) exchange(ctx context.Context, is *issuer, o *origin, a *attempt, code string) (*oauth2.Token, error) {
	client := g.client(is)
	client.RedirectURL = o.redirectURI
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(a.codeVerifier()))
	if err != nil {
		return nil, fmt.Errorf("redeeming the code: %w", err)
	}
	if !strings.EqualFold(token.Type(), "Bearer") {
		return nil, fmt.Errorf("redeeming the code: token of type %.40q, not Bearer", token.TokenType)
	}
	return token, nil
}

// client is the gate as the token endpoint knows it.
func (g *Gate) client(is *issuer) *oauth2.Config {
	return &oauth2.Config{ClientID: g.cfg.ClientID, ClientSecret: g.cfg.ClientSecret, Endpoint: is.endpoint}
}

// callbackQuery reads the parameters, each of which may stand there once
// (RFC 6749 section 3.1).
func callbackQuery(raw string) (map[string]string, error) {
	if len(raw) > maxCallback {
		return nil, errors.New("the address of the callback is too long")
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the address of the callback is malformed")
	}
	q, err := single(values, "state", "code", "iss", "error")
	if err != nil {
		return nil, fmt.Errorf("the address of the callback %w", err)
	}
	if q["code"] != "" && q["error"] != "" {
		return nil, errors.New("the address of the callback has both code and error")
	}
	return q, nil
}

// single takes the parameters of names out of values, each of which may be there
// once.
func single(values url.Values, names ...string) (map[string]string, error) {
	q := make(map[string]string, len(names))
	for _, name := range names {
		switch v := values[name]; len(v) {
		case 0:
		case 1:
			q[name] = v[0]
		default:
			return nil, fmt.Errorf("has more than one %s", name)
		}
	}
	return q, nil
}

// startOver goes on when the attempt cannot be used: to the page, if another
// tab signed this browser in meanwhile; else to the issuer once more, where
// people mostly are signed in already.
func (g *Gate) startOver(w http.ResponseWriter, r *http.Request, o *origin, a *attempt, why string) {
	path := a.path
	if !g.isLocal(path) {
		path = "/"
	}
	if _, id, err := g.identify(r, o); err == nil && id != nil {
		g.redirect(w, http.StatusSeeOther, path)
		return
	}
	g.log.Info("login_starts_over", "reason", why, "retries", a.retries)
	g.startLogin(w, r, o, path, "", a.retries+1)
}

func (g *Gate) damagedCallback(w http.ResponseWriter, r *http.Request) {
	g.pages.Message(w, r, http.StatusBadRequest, webpage.Message{
		Title: lang.T("This sign-in cannot be used"),
		Text: lang.T("The address is damaged, or was made before this site changed its key. " +
			"Nothing is wrong with your account."),
		LinkText: lang.T("Sign in again"), LinkURL: g.cfg.Prefix + "/login",
	})
}

func (g *Gate) loginFailed(w http.ResponseWriter, r *http.Request, path string) {
	g.pages.Message(w, r, http.StatusBadGateway, webpage.Message{
		Title:    lang.T("Signing in failed"),
		Text:     lang.T("The sign-in service gave an answer that cannot be used. Whoever runs this site finds the cause in its log."),
		LinkText: lang.T("Try again"), LinkURL: path,
	})
}

var errorCodeGrammar = regexp.MustCompile(`^[a-z_]{1,60}$`)

// refusedByIssuer shows what the issuer said (RFC 6749 section 4.1.2.1). It
// does not go back there by itself: the answer would be the same. Only the code
// is shown, for the description could be anyone's text.
func (g *Gate) refusedByIssuer(w http.ResponseWriter, r *http.Request, a *attempt, code string) {
	if !errorCodeGrammar.MatchString(code) {
		code = "malformed_error"
	}
	m := webpage.Message{Title: lang.T("You were not signed in"), Detail: code, LinkText: lang.T("Try again"), LinkURL: a.path}
	status := http.StatusForbidden
	level := g.log.Warn
	switch code {
	case "access_denied":
		m.Text = lang.T("The sign-in was cancelled or refused.")
		level = g.log.Info
	case "temporarily_unavailable", "server_error":
		m.Text = lang.T("The sign-in service has a problem. Try again in a moment.")
		status = http.StatusServiceUnavailable
	default:
		m.Text = lang.T("The sign-in service refused. Whoever runs this site finds the cause in its log.")
	}
	level("the issuer refused a sign-in", "code", code, "advice", adviceFor(code, &g.cfg))
	g.pages.Message(w, r, status, m)
}

// exchangeFailed tells the person little and the log what to do.
func (g *Gate) exchangeFailed(w http.ResponseWriter, r *http.Request, is *issuer, a *attempt, err error) {
	if !grantRefused(err) {
		is.doubted.Store(true)
	}
	if logTrouble(g.log, "a sign-in failed at the issuer", &g.cfg, err) {
		g.issuerUnavailable(w, r)
		return
	}
	g.loginFailed(w, r, a.path)
}

// grantRefused says whether the issuer merely did not like the code or the refresh
// token, which says nothing about the issuer.
func grantRefused(err error) bool {
	var e *oauth2.RetrieveError
	return errors.As(err, &e) && e.ErrorCode == "invalid_grant"
}

var errDisabled = errors.New("the user is disabled")

// beginSession writes, in one transaction, what the issuer says of the person
// (the first record) and of what they refer to, and a session under a new id, which
// it returns. The one that the browser had ends.
func (g *Gate) beginSession(ctx context.Context, r *http.Request, o *origin, records []*store.Record, feed string, t *verified, token *oauth2.Token) (secret string, err error) {
	secret = store.NewSecret()
	var tokens []byte
	if g.cfg.KeepTokens {
		if tokens, err = g.sealTokens(secret, token); err != nil {
			return "", err
		}
		g.endings.remember(hashSecret(secret), secret, tokens)
	}
	now := g.cfg.Now().UTC()
	old, hasOld := secretCookie(r.Header, o.sessionCookie)
	if hasOld {
		g.endings.rememberSession(ctx, hashSecret(old), old)
	}
	var refused error
	err = g.cfg.Store.Update(ctx, func(tx store.WriteTx) error {
		refused = nil
		if err := g.followFeed(tx, feed); err != nil {
			return err
		}
		for _, rec := range records {
			if _, err := store.ApplyRecord(tx, g.cfg.Name, rec); err != nil {
				return err
			}
		}
		// What the mirror knew may be newer: a sync that came in between.
		rec, err := tx.MirrorRecord(g.cfg.Name, store.UserType, records[0].ID)
		if err != nil {
			return err
		}
		if active, _ := rec.Fields["is_active"].(bool); !active || rec.Deleted {
			refused = errDisabled
			return nil
		}
		if hasOld {
			err := tx.DeleteSession(g.cfg.Name, hashSecret(old))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if err := g.limitSessions(tx, records[0].ID); err != nil {
			return err
		}
		return tx.PutSession(&store.Session{
			Realm:         g.cfg.Name,
			Hash:          hashSecret(secret),
			Subject:       records[0].ID,
			SID:           t.sid,
			IDToken:       t.raw,
			Tokens:        tokens,
			CreatedAt:     now,
			AuthTime:      t.authTime,
			LastSeen:      now,
			IdleExpiresAt: now.Add(g.cfg.SessionIdle),
			ExpiresAt:     now.Add(g.cfg.SessionAbsolute),
			IP:            truncate(g.cfg.ClientIP(r), 64),
			UserAgent:     truncate(r.UserAgent(), 256),
		})
	})
	if err != nil || refused != nil {
		g.endings.take(hashSecret(secret)) // its tokens are revoked by who asked
		return "", errors.Join(err, refused)
	}
	return secret, nil
}

// maxSessions of one person at one gate. Whoever signs in again and again (a
// program that keeps no cookies) loses the oldest, and does not fill the store.
const maxSessions = 100

// limitSessions makes room for one more.
func (g *Gate) limitSessions(tx store.WriteTx, subject string) error {
	sessions, err := tx.SessionsOf(g.cfg.Name, subject) // newest first
	if err != nil {
		return err
	}
	for i := maxSessions - 1; i < len(sessions); i++ {
		if err := tx.DeleteSession(g.cfg.Name, sessions[i].Hash); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func truncate(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
