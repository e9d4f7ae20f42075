package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/caddyito/caddyito/internal/pace"
)

const (
	// issuerTimeout is that of one request to the issuer. Redeeming a code makes
	// it write to its disk, and a busy machine's can stall for seconds; a code
	// given up on meanwhile is spent.
	issuerTimeout = 10 * time.Second
	// lookTimeout is shorter: everyone who wants to sign in waits for the look.
	lookTimeout  = 5 * time.Second
	issuerMaxAge = time.Hour   // of its metadata
	issuerPause  = time.Second // after a failure
)

// issuer is what is known of the issuer from its metadata (OpenID Connect
// Discovery section 3, RFC 8414).
type issuer struct {
	url      string
	endpoint oauth2.Endpoint
	verifier *oidc.IDTokenVerifier
	// strangers verifies what did not come from the issuer itself.
	strangers  *oidc.IDTokenVerifier
	algorithms []string // that it signs with
	scopes     []string
	// authorize is, for each origin, the authorization URL up to the parameters
	// of one attempt.
	authorize []string

	userinfo, profile, revocation, endSession, sync string
	// namesItself: the issuer puts iss into its answers (RFC 9207).
	namesItself bool

	fetched time.Time
	// doubted: something went wrong at the issuer since; look again.
	doubted atomic.Bool
}

// discovery finds the issuer's metadata when it is first needed, and keeps it.
type discovery struct {
	cfg     *Config
	origins []origin
	client  *http.Client

	current atomic.Pointer[issuer]

	mu       sync.Mutex // held while looking, so that one looks for all; guards the rest
	failed   error
	failedAt time.Time
}

func newDiscovery(c *Config, origins []origin) *discovery {
	return &discovery{cfg: c, origins: origins, client: &http.Client{
		Transport: issuerTransport{c.Transport},
		Timeout:   issuerTimeout,
		// A redirect would carry a secret or a token to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// withClient is ctx for calls of go-oidc and x/oauth2.
func (d *discovery) withClient(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, d.client)
}

// get is the issuer, looked up if need be. Metadata that is old is used on if
// the issuer does not answer.
func (d *discovery) get() (*issuer, error) {
	now := d.cfg.Now()
	if is := d.current.Load(); is != nil && is.fresh(now) {
		return is, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.current.Load()
	if old != nil && old.fresh(now) {
		return old, nil
	}
	if d.failed != nil && now.Sub(d.failedAt) < issuerPause {
		if old != nil {
			return old, nil
		}
		return nil, d.failed
	}
	is, err := d.renew()
	if err != nil && old != nil {
		return old, nil
	}
	return is, err
}

// renew looks, and keeps what it found. d.mu is held.
func (d *discovery) renew() (*issuer, error) {
	is, err := d.look()
	if err != nil {
		// The pause counts from now: looking may have taken long.
		d.failed, d.failedAt = err, d.cfg.Now()
		logTrouble(d.cfg.Logger, "cannot read the issuer's metadata", d.cfg, err)
		return nil, err
	}
	d.failed = nil
	d.current.Store(is)
	return is, nil
}

// getAgain is get for somebody whom the issuer sent, so that it was there a moment
// ago. What failed shortly before they came is not held against them: once the pause
// is over the issuer is asked again.
func (d *discovery) getAgain(ctx context.Context) (*issuer, error) {
	came := d.cfg.Now()
	is, err := d.get()
	if err == nil {
		return is, nil
	}
	d.mu.Lock()
	failedAt := d.failedAt
	d.mu.Unlock()
	if !failedAt.Before(came) { // it was asked for them
		return nil, err
	}
	pace.Wait(ctx, issuerPause-came.Sub(failedAt), nil)
	d.mu.Lock()
	if d.failedAt.Equal(failedAt) {
		d.failed = nil
	}
	d.mu.Unlock()
	return d.get()
}

func (is *issuer) fresh(now time.Time) bool {
	return now.Sub(is.fetched) < issuerMaxAge && !is.doubted.Load()
}

func (d *discovery) look() (*issuer, error) {
	ctx, cancel := context.WithTimeout(d.withClient(context.Background()), lookTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, d.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("reading the metadata of %s: %w", d.cfg.Issuer, err)
	}
	var m struct {
		JWKS        string   `json:"jwks_uri"`
		EndSession  string   `json:"end_session_endpoint"`
		Revocation  string   `json:"revocation_endpoint"`
		Profile     string   `json:"caddyito_profile_endpoint"`
		Sync        string   `json:"caddyito_sync_endpoint"`
		NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
		Scopes      []string `json:"scopes_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&m); err != nil {
		return nil, fmt.Errorf("reading the metadata of %s: %w", d.cfg.Issuer, err)
	}
	is := &issuer{
		url:         d.cfg.Issuer,
		endpoint:    provider.Endpoint(),
		userinfo:    provider.UserInfoEndpoint(),
		profile:     m.Profile,
		revocation:  m.Revocation,
		endSession:  m.EndSession,
		sync:        m.Sync,
		namesItself: m.NamesItself,
		algorithms:  signingAlgs(m.Algorithms),
		fetched:     d.cfg.Now(),
	}
	is.endpoint.AuthStyle = authStyle(d.cfg.ClientSecret, m.AuthMethods)
	for _, e := range []struct {
		name, url string
		needed    bool
	}{
		{"authorization_endpoint", is.endpoint.AuthURL, true},
		{"token_endpoint", is.endpoint.TokenURL, true},
		{"jwks_uri", m.JWKS, true},
		{"userinfo_endpoint", is.userinfo, false},
		{"caddyito_profile_endpoint", is.profile, false},
		{"revocation_endpoint", is.revocation, false},
		{"end_session_endpoint", is.endSession, false},
		{"caddyito_sync_endpoint", is.sync, false},
	} {
		if err := checkEndpoint(d.cfg.Issuer, e.url, e.needed); err != nil {
			return nil, fmt.Errorf("metadata of %s: %s: %w", d.cfg.Issuer, e.name, err)
		}
	}
	checks := &oidc.Config{
		ClientID:             d.cfg.ClientID,
		SupportedSigningAlgs: is.algorithms,
		Now:                  func() time.Time { return d.cfg.Now().Add(-leeway) },
	}
	keys := newKeySet(m.JWKS, d.fetch, d.cfg.Now)
	is.verifier = oidc.NewVerifier(d.cfg.Issuer, keys, checks)
	is.strangers = oidc.NewVerifier(d.cfg.Issuer, strangersKeys{keys}, checks)
	is.scopes = d.scopes(m.Scopes, m.Profile != "")
	for _, o := range d.origins {
		is.authorize = append(is.authorize, authorizeURL(is, d.cfg, o.redirectURI))
	}
	return is, nil
}

// checkEndpoint refuses what would carry secrets in the clear where the issuer
// itself does not.
func checkEndpoint(issuerURL, endpoint string, needed bool) error {
	if endpoint == "" {
		if needed {
			return errors.New("is missing")
		}
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%.100q is not an https URL", endpoint)
	case u.Scheme == "http" && strings.HasPrefix(issuerURL, "https:"):
		return fmt.Errorf("%.100q is not encrypted although the issuer is", endpoint)
	}
	return nil
}

// authStyle is how the client says who it is at the token endpoint. It is
// settled beforehand: trying both would show a code twice, which is how stolen
// codes look.
func authStyle(secret string, offered []string) oauth2.AuthStyle {
	if secret == "" {
		return oauth2.AuthStyleInParams
	}
	// RFC 8414 section 2: client_secret_basic if nothing is said.
	if len(offered) > 0 && !slices.Contains(offered, "client_secret_basic") && slices.Contains(offered, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// scopes are those configured, or of the usual ones those that the issuer
// knows: some refuse a request for others.
func (d *discovery) scopes(supported []string, hasProfile bool) []string {
	if len(d.cfg.Scopes) > 0 {
		if slices.Contains(d.cfg.Scopes, "openid") {
			return d.cfg.Scopes
		}
		return append([]string{"openid"}, d.cfg.Scopes...)
	}
	scopes := []string{"openid"}
	for _, s := range []string{"profile", "email", "groups"} {
		if len(supported) == 0 && s != "groups" || slices.Contains(supported, s) {
			scopes = append(scopes, s)
		}
	}
	if hasProfile {
		scopes = append(scopes, "read")
	}
	return scopes
}

func authorizeURL(is *issuer, c *Config, redirectURI string) string {
	u, _ := url.Parse(is.endpoint.AuthURL) // checked by checkEndpoint
	q := u.Query()
	q.Set("response_type", "code")
	if c.FormPost {
		q.Set("response_mode", "form_post")
	}
	q.Set("client_id", c.ClientID)
	q.Set("redirect_uri", redirectURI)
	q.Set("scope", strings.Join(is.scopes, " "))
	q.Set("code_challenge_method", "S256")
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

// fetch does a request to the issuer and returns the body of a 200.
func (d *discovery) fetch(req *http.Request) ([]byte, error) {
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{req.URL.Path, resp.StatusCode}
	}
	return body, nil
}

// statusError keeps the body out of logs: it may hold anything.
type statusError struct {
	path   string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d %s", e.path, e.status, http.StatusText(e.status))
}
