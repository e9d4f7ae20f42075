package webpage

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// secure sets the headers that every answer of this package carries.
func secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // addresses of these pages carry state and codes
	h.Set("Cache-Control", "no-store")
}

// policy is the Content-Security-Policy of a page: nothing but its own style,
// embedded images, the script named by its hash if there is one, which may ask this
// origin if it says so, forms to this
// origin and those given, and frames of the origins given.
func policy(styleHash, script string, connect bool, formAction, frames []string) string {
	var b strings.Builder
	b.WriteString("default-src 'none'; style-src ")
	b.WriteString(styleHash)
	if script != "" {
		b.WriteString("; script-src ")
		b.WriteString(hashSource(script))
	}
	if connect {
		b.WriteString("; connect-src 'self'")
	}
	b.WriteString("; img-src data:; form-action 'self'")
	var sources []string
	for _, target := range formAction {
		if source := formSource(target); source != "" && !slices.Contains(sources, source) {
			sources = append(sources, source)
			b.WriteByte(' ')
			b.WriteString(source)
		}
	}
	var origins []string
	for _, frame := range frames {
		if origin := frameSource(frame); origin != "" && !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	if len(origins) > 0 {
		b.WriteString("; frame-src " + strings.Join(origins, " "))
	}
	b.WriteString("; frame-ancestors 'none'; base-uri 'none'")
	return b.String()
}

// hashSource names an inline style or script (CSP3 section 2.3.1, hash-source).
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// frameSource lets a frame of target's origin load, or is "" for what may not be
// there.
func frameSource(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.ToLower(u.Host)
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:") != "" {
		return ""
	}
	return u.Scheme + "://" + host
}

// formSource is the source expression that lets a form reach target: browsers
// hold form-action also against redirects that follow a submission, so a login
// that ends at a client needs the client's origin; and the client's callback may
// go on to another (from api. to app.), so over https it is any. It is "" for
// what may not be there, since target is in part chosen by whoever registered
// the client and must not be able to write policy of its own.
func formSource(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "https":
		return "https:"
	case "http":
		host := strings.ToLower(u.Host)
		if strings.HasPrefix(host, "[") {
			// A host-source has no way to write an IPv6 address (CSP3 section
			// 2.3.1), so the scheme must do.
			return u.Scheme + ":"
		}
		if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:") != "" {
			return ""
		}
		return u.Scheme + "://" + host
	case "", "javascript", "data", "blob", "file", "about", "vbscript":
		return ""
	default:
		// The private-use scheme of a native app (RFC 8252 section 7.1);
		// url.Parse lets only scheme characters through.
		return u.Scheme + ":"
	}
}
