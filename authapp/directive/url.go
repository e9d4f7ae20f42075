package directive

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/internal/ownprefix"
)

// HasPlaceholder says whether s is only known when the config is provisioned.
func HasPlaceholder(s string) bool { return strings.Contains(s, "{") }

// Expand replaces the placeholders in each target: {env.WIKI_SECRET}, {file...}.
// One that is unknown or empty is an error: an empty secret must not go by.
func Expand(option string, targets ...*string) error {
	repl := caddy.NewReplacer()
	for _, t := range targets {
		if !HasPlaceholder(*t) {
			continue
		}
		v, err := repl.ReplaceOrErr(*t, true, true)
		if err != nil {
			// Not the whole of *t, of which the rest may be secret.
			return fmt.Errorf("%s: %w%s", option, err, unsetAdvice(*t))
		}
		*t = strings.TrimSpace(v) // a file usually ends in a line break
	}
	return nil
}

// unsetAdvice says what to do where t names environment variables that are not
// set or empty.
func unsetAdvice(t string) string {
	for rest := t; ; {
		_, after, ok := strings.Cut(rest, "{env.")
		name, after, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return ""
		}
		if name != "" && os.Getenv(name) == "" {
			return fmt.Sprintf("; set %s in the environment of Caddy (with systemd: systemctl edit caddy, and there in [Service]: Environment=%[1]s=..., then systemctl restart caddy)", name)
		}
		rest = after
	}
}

// ExpandAll is Expand for each element of a list.
func ExpandAll(option string, list []string) error {
	for i := range list {
		if err := Expand(option, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// CheckOrigin says what is wrong with s as an origin: scheme, host, port.
func CheckOrigin(option, s string) error {
	u, err := webURL(option, s)
	if err != nil {
		return err
	}
	if u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%s %s: write the origin alone, as in https://auth.example.com, without a path, query or slash at the end", option, s)
	}
	return nil
}

// CheckIssuer says what is wrong with s as the issuer of an OpenID provider,
// which may have a path (OpenID Connect Discovery 1.0, section 2).
func CheckIssuer(option, s string) error {
	u, err := webURL(option, s)
	if err != nil {
		return err
	}
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%s %s: an issuer has no query and no fragment", option, s)
	}
	return nil
}

// CheckRedirect says what is wrong with s as a redirect URI (RFC 6749 section
// 3.1.2, RFC 9700 section 2.1): it is compared as an exact string.
func CheckRedirect(option, s string) error {
	if _, err := webURL(option, s); err != nil {
		return err
	}
	return checkExact(option, s)
}

func checkExact(option, s string) error {
	if strings.Contains(s, "#") {
		return fmt.Errorf("%s %s: must not have a fragment (#)", option, s)
	}
	if strings.Contains(s, "*") {
		return fmt.Errorf("%s %s: must be the exact URI; a * is no wildcard", option, s)
	}
	return nil
}

// CheckPublicRedirect is CheckRedirect for a public client, an app on a phone or
// a desktop say, which may have a scheme of its own: a domain name turned round
// (RFC 8252 section 7.1), so no other app has it, and no browser runs it.
func CheckPublicRedirect(option, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Scheme == "https" || u.Scheme == "http" {
		return CheckRedirect(option, s)
	}
	odd := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"<>\^`+"`{|}", c) }
	switch {
	case !strings.Contains(u.Scheme, "."):
		return fmt.Errorf("%s %s: must begin with https:// or http://, or for an app on a phone with a scheme of its own that is a domain name turned round, as in com.example.app:/callback", option, s)
	case u.Path == "" && u.Opaque == "" && u.Host == "" || u.User != nil || strings.ContainsFunc(s, odd):
		return fmt.Errorf("%s %q: is not a URI as in com.example.app:/callback", option, s)
	}
	return checkExact(option, s)
}

func webURL(option, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "" {
		return nil, fmt.Errorf("%s %s: must be an absolute URL that begins with https:// (or http:// for a test)", option, s)
	}
	if u.User != nil {
		return nil, fmt.Errorf("%s %s: must not have a user name in it", option, u.Redacted())
	}
	return u, nil
}

// CheckPrefix says what is wrong with s as the prefix of a module's own paths;
// empty is the default.
func CheckPrefix(s string) error {
	if s == "" {
		return nil
	}
	return ownprefix.Check(s)
}
