package webpage

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FooterLink is a link at the foot of every page: an imprint, say.
type FooterLink struct {
	// Text is what people read, at most 60 characters.
	Text string `json:"text"`
	// URL is where it leads: "https://example.com/imprint", "mailto:help@example.com",
	// or a path of the same site, "/imprint".
	URL string `json:"url"`
}

const (
	maxFooterLinks = 12
	maxFooterText  = 60
)

// CheckFooter says what is wrong with the links at the foot of pages.
func CheckFooter(links []FooterLink) error {
	if len(links) > maxFooterLinks {
		return fmt.Errorf("there are %d footer links; at most %d fit at the foot of a page", len(links), maxFooterLinks)
	}
	for _, l := range links {
		if err := l.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check says what is wrong with the link.
func (l FooterLink) Check() error {
	switch n := utf8.RuneCountInString(l.Text); {
	case strings.TrimSpace(l.Text) == "":
		return fmt.Errorf("footer_link %q has no text; write what people are to read, as in: footer_link Imprint https://example.com/imprint", l.URL)
	case n > maxFooterText:
		return fmt.Errorf("footer_link: its text has %d characters; at most %d fit", n, maxFooterText)
	case strings.ContainsFunc(l.Text, func(c rune) bool { return !unicode.IsPrint(c) }):
		return fmt.Errorf("footer_link: the text %q has characters that cannot be printed; leave them out", l.Text)
	}
	return checkFooterURL(l.URL)
}

func checkFooterURL(s string) error {
	wrong := func(why string) error {
		return fmt.Errorf("footer_link %q: %s; write https://example.com/imprint, mailto:help@example.com, or a path of this site such as /imprint", s, why)
	}
	// Browsers drop tabs and line breaks, take \ for /, and what else there is
	// belongs into no URL.
	if strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || unicode.IsSpace(c) }) || strings.ContainsAny(s, "\\\"<>^`{|}") {
		return wrong("it has characters that no URL has")
	}
	u, err := url.Parse(s)
	if err != nil {
		return wrong("it is not a URL")
	}
	switch u.Scheme {
	case "https", "http":
		if u.Hostname() == "" {
			return wrong("it names no host")
		}
		if u.User != nil {
			return wrong("it has a user name in it")
		}
	case "mailto":
		if !strings.Contains(u.Opaque, "@") {
			return wrong("it names no e-mail address")
		}
	case "":
		if u.Host != "" || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") {
			return wrong("it is neither a whole URL nor a path that begins with one /")
		}
	default:
		return wrong("links begin with https:, http: or mailto:, not with " + u.Scheme + ":")
	}
	return nil
}

// From is the link as it is followed from elsewhere, a mail say: origin is that of
// the site whose path it may be.
func (l FooterLink) From(origin string) FooterLink {
	if strings.HasPrefix(l.URL, "/") {
		l.URL = origin + l.URL
	}
	return l
}
