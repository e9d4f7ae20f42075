package gate

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// Front is what a gate knows before it is started: which headers are its own to
// set, which cookies no app is to see, and which paths are its own. So a request
// that comes too early can be refused without harm.
type Front struct {
	managed managed
	prefix  string
	strip   bool // Authorization
	// directoryPath is "" for a gate without a Directory.
	directoryPath string
}

// NewFront makes the front of the gate that Config will be of.
func NewFront(headers []Header, prefix, authorization string, d *Directory) *Front {
	if headers == nil {
		headers = DefaultHeaders()
	}
	prefix = cmp.Or(prefix, DefaultPrefix)
	f := &Front{managed: newManaged(headers), prefix: prefix, strip: authorization == "strip"}
	if d != nil {
		f.directoryPath = d.DirectoryPath(prefix)
	}
	return f
}

// CleanHeaders deletes from r every identity header, however it is spelled, so
// that none but the gate can set one, and takes upgrades away by which the app could
// be told more than r. It is to be called on every request, public or not, before
// anything else. It returns what Authorization was if it took that, too.
func (f *Front) CleanHeaders(r *http.Request) (credentials []string) {
	m := &f.managed
	connection, upgrade := false, false
	for name := range r.Header {
		if m.has(name) {
			delete(r.Header, name)
		}
		connection = connection || name == "Connection"
		upgrade = upgrade || name == "Upgrade"
	}
	if f.strip {
		credentials = r.Header["Authorization"]
		delete(r.Header, "Authorization")
	}
	if connection {
		m.cleanConnection(r.Header)
	}
	if upgrade {
		cleanUpgrade(r.Header)
	}
	m.cleanTrailer(r)
	return credentials
}

// RemoveCookies takes the cookies of every gate and server out of r.
func (f *Front) RemoveCookies(r *http.Request) { removeCookies(r.Header, nil) }

// Owns says whether u is one of the gate's own URLs.
func (f *Front) Owns(u *url.URL) bool { return f.ownPath(u) != "" }

// ownNames are those of the paths below the prefix.
var ownNames = []string{"login", "callback", "logout", "me", "sync"}

// ownPath is the name of the gate's own path that u is ("login"), or "". A
// slash at the end is accepted; another way to write the path is not.
func (f *Front) ownPath(u *url.URL) string {
	if d := f.directoryPath; d != "" && strings.HasPrefix(u.Path, d) && (len(u.Path) == len(d) || u.Path[len(d)] == '/') {
		return "directory" // however it is written: none of it gets to an app
	}
	rest, ok := strings.CutPrefix(u.Path, f.prefix)
	if !ok || u.RawPath != "" {
		return ""
	}
	switch rest {
	case "/login", "/login/":
		return "login"
	case "/callback", "/callback/":
		return "callback"
	case "/logout", "/logout/":
		return "logout"
	case "/me", "/me/":
		return "me"
	case "/sync", "/sync/":
		return "sync"
	case "/backchannel-logout", "/backchannel-logout/":
		return "backchannel-logout"
	case "/frontchannel-logout", "/frontchannel-logout/":
		return "frontchannel-logout"
	}
	return ""
}
