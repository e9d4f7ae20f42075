package directive

import (
	"fmt"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyito/caddyito/internal/ownprefix"
	"github.com/caddyito/caddyito/internal/registration"
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
	u, err := registration.WebURL(s)
	if err != nil {
		return fmt.Errorf("%s %w", option, err)
	}
	if u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%s %s: write the origin alone, as in https://auth.example.com, without a path, query or slash at the end", option, s)
	}
	if strings.Contains(u.Host, "*") {
		return fmt.Errorf("%s %s: an origin is of one host; name each by itself, without *", option, s)
	}
	return nil
}

// CheckIssuer says what is wrong with s as the issuer of an OpenID provider,
// which may have a path (OpenID Connect Discovery 1.0, section 2).
func CheckIssuer(option, s string) error {
	u, err := registration.WebURL(s)
	if err != nil {
		return fmt.Errorf("%s %w", option, err)
	}
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%s %s: an issuer has no query and no fragment", option, s)
	}
	return nil
}

// CheckPrefix says what is wrong with s as the prefix of a module's own paths;
// empty is the default.
func CheckPrefix(s string) error {
	if s == "" {
		return nil
	}
	return ownprefix.Check(s)
}
