package registration

import (
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// CheckRedirect says what is wrong with s as a redirect URI (RFC 6749 section
// 3.1.2, RFC 9700 section 2.1): it is compared as an exact string.
func CheckRedirect(s string) error {
	if _, err := WebURL(s); err != nil {
		return err
	}
	return checkExact(s)
}

func checkExact(s string) error {
	if strings.Contains(s, "#") {
		return store.Mistakef("%s: must not have a fragment (#)", s)
	}
	if strings.Contains(s, "*") {
		return store.Mistakef("%s: must be the exact URI; a * is no wildcard", s)
	}
	return nil
}

// CheckPublicRedirect is CheckRedirect for a public client, an app on a phone or
// a desktop say, which may have a scheme of its own: a domain name turned round
// (RFC 8252 section 7.1), so no other app has it, and no browser runs it.
func CheckPublicRedirect(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Scheme == "https" || u.Scheme == "http" {
		return CheckRedirect(s)
	}
	odd := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"<>\^`+"`{|}", c) }
	switch {
	case !strings.Contains(u.Scheme, "."):
		return store.Mistakef("%s: must begin with https:// or http://, or for an app on a phone with a scheme of its own that is a domain name turned round, as in com.example.app:/callback", s)
	case u.Path == "" && u.Opaque == "" && u.Host == "" || u.User != nil || strings.ContainsFunc(s, odd):
		return store.Mistakef("%q: is not a URI as in com.example.app:/callback", s)
	}
	return checkExact(s)
}

// WebOrigin is the origin of a page at uri as browsers write it (RFC 6454 section
// 6.2), "" for what is no page.
func WebOrigin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Host), u.Port()
	if scheme != "https" && scheme != "http" {
		return ""
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return scheme + "://" + host
}

// WebURL reads an absolute URL of the web, without a user in it.
func WebURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "" {
		return nil, store.Mistakef("%s: must be an absolute URL that begins with https:// (or http:// for a test)", s)
	}
	if u.User != nil {
		return nil, store.Mistakef("%s: must not have a user name in it", u.Redacted())
	}
	return u, nil
}
