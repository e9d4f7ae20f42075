package provider

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
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

// language is where people choose one: for this browser and, if they are signed in,
// for their account.
func (p *Provider) language(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	in, err := p.currentSession(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return
	}
	purpose, back := "language", p.urlWith("login", url.Values{"continue": {values.Get("continue")}})
	if in != nil {
		purpose, back = purpose+"\x00"+string(in.session.Hash[:]), p.url("")
	}
	l, known := lang.Named(values.Get("language"))
	if r.Method != http.MethodPost || !known || !p.csrfValid(r, values, purpose) {
		page := pages.Language{
			Action: p.path("language"), CSRF: p.csrfToken(w, r, purpose), Continue: values.Get("continue"), BackURL: back,
		}
		for _, l := range lang.All() {
			page.Languages = append(page.Languages, pages.LanguageChoice{Code: l.Code(), Name: l.Name()})
		}
		p.pages.Language(w, http.StatusOK, page)
		return
	}
	if in != nil {
		err := p.Store.Update(r.Context(), func(tx store.WriteTx) error {
			now, err := p.sessionIn(tx, in.session.Hash)
			if err != nil || now == nil {
				return err
			}
			now.user.Language = l.Code()
			return store.KeepUser(tx, p.Schema, now.user)
		})
		if err != nil {
			p.unavailable(w, r, "writing language", err)
			return
		}
	}
	p.setCookie(w, p.cookies.language, l.Code(), languageLifetime)
	seeOther(w, back)
}

// languageLifetime is how long a browser keeps what was chosen in it.
const languageLifetime = 365 * 24 * time.Hour
