package provider

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// speak has the page that answers be in the language of the person: the one of
// their account, or else one that the client knows they read (ui_locales), or that
// was chosen in this browser, or that the browser asks for.
func (p *Provider) speak(w http.ResponseWriter, r *http.Request, values url.Values) {
	webpage.Speak(w, lang.Choose(p.ownLanguage(r), uiLocales(values), cookie(r, p.cookies.language), webpage.Wishes(r)))
}

// ownLanguage is the one of the account that is signed in, or "". A store that
// fails is for whoever asks it next to tell of.
func (p *Provider) ownLanguage(r *http.Request) string {
	in, err := p.currentSession(r)
	if err != nil || in == nil {
		return ""
	}
	return in.user.Language
}

// uiLocales is that parameter of an authorization request, or of the one that a page
// of ours hands on, as a list of Accept-Language.
func uiLocales(values url.Values) string {
	for _, name := range []string{"continue", "request"} {
		if inner, err := url.ParseQuery(values.Get(name)); err == nil && inner.Has("ui_locales") {
			values = inner
		}
	}
	return strings.Join(strings.Fields(values.Get("ui_locales")), ",")
}
