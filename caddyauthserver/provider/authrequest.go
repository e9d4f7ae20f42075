package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// authRequest is an authorization request (RFC 6749 section 4.1.1, OpenID
// Connect Core section 3.1.2.1) whose client and redirect URI are good.
type authRequest struct {
	// query brings the request here again: its parameters, or the request_uri
	// where they were pushed.
	query       url.Values
	pushed      *store.Hash // of that request_uri; nil: they came in the query
	browser     string      // the secret of the browser it came by; "": none yet
	client      *client
	redirectURI string
	mode        responseMode
	state       string
	hasState    bool

	scopes    []string
	claims    *claimsRequest // nil: none
	covering  []string       // the scopes that cover those claims, besides scopes
	resources []string
	challenge string
	nonce     string
	prompt    []string
	maxAge    time.Duration // -1: none
	loginHint string
	// subs are whom the client means, by id_token_hint and claims: of each list, one
	// must be who is signed in.
	subs [][]string
	// acrWished are the classes that the client would like, by acr_values: the best
	// first. What it must have is in claims.
	acrWished []string

	// asked is when the dispatcher first sent the person to a step, or else now,
	// and whom they chose there; returned says that it did.
	asked    asked
	returned bool
}

// requestError is a request that must not be answered by a redirect, since
// where to is not sure. What it says is for a page.
type requestError struct {
	text   lang.Text
	detail string
}

var errRequestTooLong = &requestError{text: lang.T("The application sent a request that is too long.")}

func (e *requestError) Error() string { return e.text.String() }

// parseAuthRequest first finds client and redirect URI; if either is not good
// the error is a *requestError and nothing is redirected (RFC 9700 section
// 4.11.2). An *oauthError comes with a request that can carry it back.
func (p *Provider) parseAuthRequest(r *http.Request, rawQuery string) (*authRequest, error) {
	if len(rawQuery) > maxQuery {
		return nil, errRequestTooLong
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &requestError{text: lang.T("The application sent a request that cannot be read.")}
	}
	if name := duplicate(q, "client_id", "redirect_uri"); name != "" {
		return nil, &requestError{text: lang.T("The application sent a request that can be read in two ways."), detail: name + " is there more than once."}
	}
	id := q.Get("client_id")
	c, err := p.findClient(r.Context(), id)
	if errors.Is(err, errUnknownClient) {
		return nil, &requestError{
			text:   lang.T("The application that sent you here is not known to this server."),
			detail: fmt.Sprintf("There is no client %q. Register it, or correct client_id.", printable(id, 100)),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("finding client: %w", err)
	}
	a := &authRequest{query: q, client: c, browser: p.knownSecret(r)}
	if slices.ContainsFunc(q["request_uri"], isPushed) {
		return p.readPushed(r.Context(), a)
	}
	return p.readAuthRequest(r.Context(), a, q)
}

// readAuthRequest reads the parameters of a's client, wherever they came from.
func (p *Provider) readAuthRequest(ctx context.Context, a *authRequest, q url.Values) (*authRequest, error) {
	c, uri := a.client, q.Get("redirect_uri")
	if !c.mayBeAnsweredAt(uri) {
		p.Logger.Warn("redirect_uri is not registered", "client_id", c.ID, "redirect_uri", printable(uri, 500))
		return nil, &requestError{
			text:   lang.T("The application that sent you here asked to be answered at an address that is not registered for it."),
			detail: fmt.Sprintf("Add exactly this redirect URI to client %q: %s", c.ID, printable(uri, 500)),
		}
	}

	a.redirectURI, a.maxAge, a.state, a.hasState = uri, -1, q.Get("state"), q.Has("state")
	return a, p.fill(ctx, a, q)
}

// fill reads the rest of the request.
func (p *Provider) fill(ctx context.Context, a *authRequest, q url.Values) error {
	invalid := func(description string) error {
		return &oauthError{code: "invalid_request", description: description}
	}
	modeName := q.Get("response_mode")
	if modeName == "form_post" && isWeb(a.redirectURI) {
		a.mode = modeFormPost
	}
	// Before the modes, of which some only go with other types.
	if typ := q.Get("response_type"); typ != "code" && typ != "" && duplicate(q, "response_type") == "" {
		return &oauthError{code: "unsupported_response_type", description: "response_type must be code"}
	}
	switch modeName {
	case "form_post":
		if a.mode != modeFormPost {
			return invalid("response_mode form_post needs a redirect_uri of http or https, for a form goes nowhere else")
		}
	case "", "query":
	default:
		return invalid("response_mode must be query or form_post")
	}
	if duplicate(q) != "" {
		a.state, a.hasState = firstOnly(q, "state")
		return invalid("a parameter is there more than once")
	}
	// Refused rather than ignored: a client that sends one means it, unless it is
	// empty (RFC 6749 section 3.1: that is as if it were omitted).
	for _, name := range []string{"request", "request_uri", "registration"} {
		if q.Get(name) != "" {
			return &oauthError{code: name + "_not_supported", description: name + " is not supported"}
		}
	}
	if a.client.RequirePAR && a.pushed == nil {
		return invalid("this client must push its authorization requests (RFC 9126)")
	}
	if !a.client.MayUse(store.GrantCode) {
		return &oauthError{code: "unauthorized_client", description: "this client may not use the authorization code grant"}
	}
	if q.Get("response_type") == "" {
		return invalid("response_type is missing")
	}
	var oe *oauthError
	if a.scopes, oe = grantable(a.client, q.Get("scope")); oe != nil {
		return oe
	}
	if a.resources, oe = p.grantableResources(a.client, q["resource"]); oe != nil {
		return oe
	}
	a.challenge = q.Get("code_challenge")
	required := a.client.NeedsPKCE()
	if oe = checkChallenge(a.challenge, q.Get("code_challenge_method"), required); oe != nil {
		return oe
	}
	a.nonce, a.loginHint = q.Get("nonce"), q.Get("login_hint")
	if len(a.nonce) > 1024 || len(a.state) > 4096 {
		return invalid("nonce or state is too long")
	}
	a.prompt = strings.Fields(q.Get("prompt"))
	for _, v := range a.prompt {
		if !slices.Contains(promptValues, v) {
			return invalid("prompt must be of " + strings.Join(promptValues, " "))
		}
	}
	if a.prompts("none") && len(a.prompt) > 1 {
		return invalid("prompt=none excludes every other prompt")
	}
	if s := q.Get("max_age"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 {
			return invalid("max_age must be a number of seconds")
		}
		a.maxAge = time.Duration(n) * time.Second
	}
	a.acrWished = strings.Fields(q.Get("acr_values"))
	if hint := q.Get("id_token_hint"); hint != "" {
		of, err := p.parseHint(ctx, hint)
		if errors.Is(err, errBadHint) {
			return invalid("id_token_hint is not an ID token of this server")
		}
		if err != nil {
			return err
		}
		a.subs = append(a.subs, []string{of.Subject})
	}
	if raw := q.Get("claims"); raw != "" && slices.Contains(a.scopes, "openid") {
		var err error
		if a.claims, err = parseClaims(raw, p.claims); err != nil {
			return invalid(err.Error())
		}
		a.covering = a.claims.within(a.client, a.scopes, p.claims)
		a.subs = append(a.subs, a.claims.subs...)
		if len(a.claims.acr) > 0 && !slices.Contains(a.claims.acr, acrPassword) && !slices.Contains(a.claims.acr, acrMulti) {
			return &oauthError{code: "unmet_authentication_requirements", description: "there is no sign-in here of the acr that claims asks for"}
		}
	}
	if a.asked, a.returned = p.askedAt(a.query, a.browser); !a.returned {
		a.asked = asked{at: p.now()}
	}
	return nil
}

var promptValues = []string{"none", "login", "consent", "select_account"}

func (a *authRequest) prompts(value string) bool { return slices.Contains(a.prompt, value) }

// firstOnly is the value of a parameter that is there exactly once.
func firstOnly(q url.Values, name string) (string, bool) {
	if len(q[name]) != 1 {
		return "", false
	}
	return q[name][0], true
}

// redirectAllowed compares exactly (RFC 9700 section 4.1.3). What a browser
// would run rather than open is refused even if somebody registered it, and so
// is a fragment (RFC 6749 section 3.1.2).
func redirectAllowed(registered []string, uri string) bool {
	if uri == "" || !slices.Contains(registered, uri) {
		return false
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || strings.Contains(uri, "#") {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript", "blob", "file", "about":
		return false
	case "http", "https":
		return u.Host != ""
	}
	return true
}
