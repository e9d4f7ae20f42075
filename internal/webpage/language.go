package webpage

import (
	"net/http"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
)

const contentLanguage = "Content-Language"

// Speak has the page that answers be in a language. Without it, a page is in
// English.
func Speak(w http.ResponseWriter, l *lang.Language) { w.Header().Set(contentLanguage, l.Code()) }

// spoken is the language of an answer.
func spoken(w http.ResponseWriter) *lang.Language {
	if l, ok := lang.Named(w.Header().Get(contentLanguage)); ok {
		return l
	}
	return lang.English()
}

// Wishes are the languages that a browser asks for, for lang.Choose.
func Wishes(r *http.Request) string { return strings.Join(r.Header.Values("Accept-Language"), ",") }
