package admin

import (
	"net/http"
	"net/url"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Door is what the provider does for administration: it knows who is at the
// browser, and whether a form was shown to it.
type Door interface {
	// Visitor is who is signed in in the browser, or nil.
	Visitor(r *http.Request) (*Visitor, error)
	// SignIn leads the browser to sign in, once more if somebody is, and then back to
	// one of the paths of administration, with its query.
	SignIn(w http.ResponseWriter, r *http.Request, who *Visitor, back string)
	// CSRFToken is for a form of that purpose; CSRFValid says whether a form that
	// came has one.
	CSRFToken(w http.ResponseWriter, r *http.Request, purpose string) string
	CSRFValid(r *http.Request, form url.Values, purpose string) bool
	// ClientIP is the address of the person, minding trusted proxies.
	ClientIP(r *http.Request) string
}

// Visitor is who is signed in in a browser.
type Visitor struct {
	User *store.User
	// Session is theirs; AuthTime is when they last proved who they are.
	Session  store.Hash
	AuthTime time.Time
}
