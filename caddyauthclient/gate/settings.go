package gate

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/ownprefix"
	"github.com/caddyito/caddyito/usersync"
)

var fieldGrammar = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,4}$`)

// reservedHeaders carry HTTP itself; none can carry an identity.
var reservedHeaders = []string{
	"host", "cookie", "connection", "content-length", "content-type", "transfer-encoding",
	"upgrade", "te", "trailer", "keep-alive", "proxy-connection", "expect", "origin", "referer",
	"authorization", "proxy-authorization",
}

// complete fills in the defaults and says what is wrong with the rest.
func (c *Config) complete() error {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if c.Headers == nil {
		c.Headers = DefaultHeaders()
	}
	if c.Authorization == "" {
		c.Authorization = "pass"
	}
	if c.SessionIdle == 0 {
		c.SessionIdle = 24 * time.Hour
	}
	if c.SessionAbsolute == 0 {
		c.SessionAbsolute = 7 * 24 * time.Hour
	}
	if c.CacheSize == 0 {
		c.CacheSize = 131_072
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.ClientIP == nil {
		c.ClientIP = peerAddress
	}
	if c.Scheme == nil {
		c.Scheme = connectionScheme
	}
	if c.OriginalURL == nil {
		c.OriginalURL = func(r *http.Request) *url.URL { return r.URL }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnDelete == "" {
		c.OnDelete = usersync.DisableDeleted
	}
	return c.check()
}

func (c *Config) check() error {
	switch {
	case c.Name == "" || len(c.Name) > 200:
		return errors.New("a gate needs a name of 1 to 200 characters")
	case c.ClientID == "" && !c.Pending:
		return errors.New("client_id is missing: register the gate at the issuer and name the id it gave")
	case c.Store == nil:
		return errors.New("a gate needs a store")
	case c.Key == [32]byte{}:
		return errors.New("a gate needs a key to seal logins with")
	case c.Authorization != "pass" && c.Authorization != "strip":
		return fmt.Errorf("authorization %q: must be pass or strip", c.Authorization)
	case c.SessionIdle < time.Second || c.SessionAbsolute < time.Second:
		return errors.New("session limits must be at least a second")
	case c.Offline != 0 && c.Offline < MinOffline:
		return fmt.Errorf("offline %s: must be at least %s, for the server lets hear of itself no oftener than once a minute", c.Offline, MinOffline)
	case c.Offline != 0 && !c.Pending && CheckSyncs(c.ClientSecret) != nil:
		return CheckSyncs(c.ClientSecret)
	case c.OnDelete.Check() != nil:
		return c.OnDelete.Check()
	case c.CacheSize < 1:
		return errors.New("cache_size must be at least 1")
	}
	if err := ownprefix.Check(c.Prefix); err != nil {
		return err
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("issuer %q: must be an https URL as in https://auth.example.com, exactly as the issuer names itself", c.Issuer)
	}
	for i, h := range c.Headers {
		if err := h.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(c.Headers[:i], h.SameAs) {
			return fmt.Errorf("header %q is set twice", h.Name)
		}
	}
	for _, r := range c.Allow {
		for name := range r.Fields {
			if err := CheckField(name); err != nil {
				return fmt.Errorf("allow: %w", err)
			}
		}
	}
	return nil
}

func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func connectionScheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// foldHeader is the form in which names of headers are compared. Servers behind
// CGI-like interfaces read "_", ".", or all that is no letter or digit, as "-".
func foldHeader(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(name))
}
