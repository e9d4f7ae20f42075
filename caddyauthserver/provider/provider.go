package provider

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/caddyito/caddyito/caddyauthserver/admin"
	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Provider is an OpenID provider. It is safe for concurrent use.
type Provider struct {
	Config
	messages  *webpage.Renderer
	pages     *pages.Set
	mails     *pages.Mails
	admin     *admin.Admin
	passwords *password.Hasher
	passkeys  *webauthn.WebAuthn // nil: there can be none
	keys      *keyring
	origins   *follower[map[string]bool] // of the clients in the store
	known     *follower[*knownClients]
	limits    *limiter
	polls     *polls
	sync      *usersync.Server
	logouts   *notifier
	failures  *failures
	resets    chan string        // names of people who asked for a new password
	stopMail  context.CancelFunc // nil before StartMail
	mailing   sync.WaitGroup
	meter     meter
	claims    []claim   // about a person
	metadata  *document // see discovery
	cookies   cookieNames
	routes    map[string]route
	csrfKey   [32]byte
	askedKey  [32]byte
	// challengeKey binds challenges to the page and browser they were for.
	challengeKey [32]byte
	browserKey   [32]byte
	// jtiKey hides under what JWTs are kept.
	jtiKey [32]byte
	// successorKey makes refresh tokens of those they replace.
	successorKey [32]byte
}

// route is an endpoint: by which methods it is reached, and which origins'
// programs may read its answers in a browser.
type route struct {
	serve   http.HandlerFunc
	methods []string
	cors    corsPolicy
}

// New makes a provider. It neither reads nor writes the store.
func New(c Config) (*Provider, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	var own *webpage.Templates
	if c.Templates != "" {
		var err error
		if own, err = webpage.ReadTemplates(c.Templates); err != nil {
			return nil, err
		}
	}
	messages, err := webpage.NewWith(c.Brand, own, c.Logger)
	if err != nil {
		return nil, fmt.Errorf("preparing pages: %w", err)
	}
	set, err := pages.New(messages)
	if err != nil {
		return nil, fmt.Errorf("preparing pages: %w", err)
	}
	mails, err := pages.NewMails(c.Brand, c.Issuer, own, c.Logger)
	if err != nil {
		return nil, fmt.Errorf("preparing mails: %w", err)
	}
	p := &Provider{
		Config:     c,
		messages:   messages,
		pages:      set,
		mails:      mails,
		passwords:  password.New(password.Params{}),
		limits:     newLimiter(c.Now),
		polls:      newPolls(),
		cookies:    cookieNamesFor(c.Issuer),
		csrfKey:    c.MasterKey.Derive("provider/csrf"),
		askedKey:   c.MasterKey.Derive("provider/asked"),
		browserKey: c.MasterKey.Derive("provider/device"), // as it was called first

		challengeKey: c.MasterKey.Derive("provider/passkey-challenge"),
		jtiKey:       c.MasterKey.Derive("provider/jti"),
		successorKey: c.MasterKey.Derive("provider/refresh-successor"),
	}
	p.meter.countGrants()
	p.keys = newKeyring(c.Store, c.MasterKey, c.Now)
	p.origins = follow(c.Store, store.EventClients, p.readOrigins)
	p.known = p.knowClients()
	p.claims = claimsFor(c.Schema)
	p.metadata = p.describe()
	p.sync = p.newSync()
	p.logouts = newNotifier(p)
	p.failures = newFailures(p)
	p.resets = make(chan string, resetQueue)
	if p.passkeys, err = newPasskeys(c.Issuer, c.Brand.Name); err != nil {
		return nil, fmt.Errorf("preparing passkeys: %w", err)
	}
	if p.admin, err = p.newAdmin(); err != nil {
		return nil, fmt.Errorf("preparing pages: %w", err)
	}
	if err := own.Check(); err != nil { // now that all were asked for
		return nil, err
	}
	get, post := []string{"GET", "HEAD"}, []string{"POST"}
	both := []string{"GET", "HEAD", "POST"}
	p.routes = map[string]route{
		wellKnownOpenID: {p.discovery, get, anyOrigin},
		wellKnownOAuth:  {p.discovery, get, anyOrigin},
		c.Prefix:        {p.home, get, sameOrigin},
		// A HEAD must not consume what a GET buys.
		p.path("authorize"): {p.authorize, []string{"GET", "POST"}, sameOrigin},
		p.path("login"):     {p.login, both, sameOrigin},
		p.path("consent"):   {p.consent, both, sameOrigin},
		p.path("par"):       {p.pushRequest, post, noOrigin},
		p.path("token"):     {p.token, post, clientOrigins},
		p.path("device"):    {p.device, both, sameOrigin},

		p.path("device/code"): {p.deviceCode, post, noOrigin},
		p.path("device/qr"):   {p.deviceQR, get, sameOrigin},
		p.path("userinfo"):    {p.userinfo, both, clientOrigins},
		p.path("profile"):     {p.profile, both, noOrigin},
		p.path("revoke"):      {p.revoke, post, noOrigin},
		p.path("introspect"):  {p.introspect, post, sameOrigin},
		p.path("jwks"):        {p.jwks, get, anyOrigin},
		p.path("logout"):      {p.logout, both, sameOrigin},
		p.path("setup"):       {p.setup, both, sameOrigin},
		p.path("password"):    {p.password, both, sameOrigin},
		p.path("accounts"):    {p.accounts, both, sameOrigin},

		p.path("account"):          {p.home, get, sameOrigin},
		p.path("account/profile"):  {p.personal, both, sameOrigin},
		p.path("account/email"):    {p.confirmAddress, both, sameOrigin},
		p.path("account/data"):     {p.downloadData, get, sameOrigin},
		p.path("language"):         {p.language, both, sameOrigin},
		p.path("account/apps"):     {p.accountPage("account/apps", p.showApps, p.removeApp), both, sameOrigin},
		p.path("account/sessions"): {p.accountPage("account/sessions", p.showSessions, p.endNamed), both, sameOrigin},
		p.path("second-factor"):    {p.secondFactor, both, sameOrigin},
		p.path("account/security"): {p.securityPage(p.showFactors, nil), get, sameOrigin},

		p.path("account/security/app"):    {p.securityPage(p.showNewApp, p.addApp), both, sameOrigin},
		p.path("account/security/remove"): {p.securityPage(p.askToRemove, p.removeFactor), both, sameOrigin},
		p.path("account/security/codes"):  {p.securityPage(p.askForCodes, p.renewCodes), both, sameOrigin},

		p.path("admin"):  {p.administer, both, sameOrigin},
		p.path("forgot"): {p.forgot, both, sameOrigin},
		p.path("reset"):  {p.reset, both, sameOrigin},
		p.path("sync"):   {p.servePull, []string{"GET"}, sameOrigin},
		// A client of format djangito asks as it starts.
		p.path("get_admin_url"): {p.adminURL, get, sameOrigin},
	}
	for _, page := range ownPages {
		rt := p.routes[p.path(page)]
		rt.serve = p.ownPage(page, rt.serve)
		p.routes[p.path(page)] = rt
	}
	if p.passkeys != nil {
		p.routes[p.path("account/security/passkey")] = route{p.securityPage(p.showNewPasskey, p.addPasskey), both, sameOrigin}
	}
	if c.Registration {
		p.routes[p.path("register")] = route{p.register, post, sameOrigin}
		p.routes[p.path("register/")] = route{p.registration, []string{"GET", "PUT", "DELETE"}, sameOrigin}
	}
	return p, nil
}

// Prepare makes a signing key of each algorithm that this installation has none of
// yet, so that the first login does not wait for it, and no client that has kept the
// published keys meets one that is not among them.
func (p *Provider) Prepare(ctx context.Context) error {
	for _, alg := range store.SigningAlgs() {
		if _, err := p.keys.signer(ctx, alg); err != nil {
			return err
		}
	}
	return nil
}

// Close ends what New, StartSync, StartLogouts, StartKeys and StartMail began.
func (p *Provider) Close() {
	if p.stopMail != nil {
		p.stopMail()
	}
	p.mailing.Wait()
	p.admin.Close()
	p.logouts.close()
	p.failures.close()
	p.sync.Close()
	p.origins.stop()
	p.known.stop()
	p.keys.close()
}

// Handles says whether path is one of the provider's own.
func (p *Provider) Handles(path string) bool { return Handles(p.Prefix, path) }

// Handles says whether path is one of those of a provider with that prefix, ""
// for the default: the two well-known documents, and everything under it.
func Handles(prefix, path string) bool {
	prefix = cmp.Or(prefix, DefaultPrefix)
	path = strings.TrimSuffix(path, "/")
	return path == wellKnownOpenID || path == wellKnownOAuth ||
		path == prefix || strings.HasPrefix(path, prefix+"/")
}

// ServeHTTP answers requests for the provider's own paths.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	rt, ok := p.route(strings.TrimSuffix(r.URL.Path, "/"))
	if rt.cors != anyOrigin { // what leads nowhere needs no such policy
		h.Set("Referrer-Policy", "no-referrer")
	}
	if !ok {
		p.message(w, r, http.StatusNotFound, webpage.Message{
			Title: lang.T("Page not found"), Text: lang.T("There is nothing at this address."),
			LinkText: lang.T("Back to your account"), LinkURL: p.Prefix,
		})
		return
	}
	if p.allowOrigin(h, r, rt.cors) && isPreflight(r) {
		answerPreflight(w, rt.methods)
		return
	}
	if !slices.Contains(rt.methods, r.Method) {
		h.Set("Allow", strings.Join(rt.methods, ", "))
		if rt.cors != sameOrigin {
			p.oauthError(w, &oauthError{status: http.StatusMethodNotAllowed, code: "invalid_request",
				description: "use " + strings.Join(rt.methods, " or ")})
			return
		}
		p.message(w, r, http.StatusMethodNotAllowed, webpage.Message{
			Title: lang.T("Method not allowed"), Text: lang.T("This address cannot be used in this way."),
		})
		return
	}
	if rt.cors == sameOrigin && webpage.WantsHTML(r) {
		p.speak(w, r, r.URL.Query())
	}
	rt.serve(w, r)
}

// route finds the endpoint at a path. That of clients that registered themselves
// has a path for each, and administration many.
func (p *Provider) route(path string) (route, bool) {
	if strings.HasPrefix(path, p.path("admin/")) {
		path = p.path("admin")
	}
	rt, ok := p.routes[path]
	if !ok {
		if id, below := strings.CutPrefix(path, p.path("register/")); below && !strings.Contains(id, "/") {
			rt, ok = p.routes[p.path("register/")]
		}
	}
	return rt, ok
}

// path is that of one of the provider's endpoints.
func (p *Provider) path(endpoint string) string { return p.Prefix + "/" + endpoint }

// url is the address of one of the provider's endpoints.
func (p *Provider) url(endpoint string) string { return p.Issuer + p.path(endpoint) }

// urlWith is that address with a query.
func (p *Provider) urlWith(endpoint string, query url.Values) string {
	return p.url(endpoint) + "?" + query.Encode()
}

// now is the time as stores keep it.
func (p *Provider) now() time.Time { return p.Now().UTC().Truncate(time.Microsecond) }

// seeOther redirects a browser so that it never posts again (RFC 9700 section
// 4.12: never 307).
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
