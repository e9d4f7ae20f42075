package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// The parameters of OpenID Connect Core section 4.
const (
	issuerName = "iss"
	loginHint  = "login_hint"
	targetLink = "target_link_uri"
)

const (
	maxInitiate = 8 << 10 // bytes of the parameters
	maxHint     = 1000
)

// initiated reads who sends people here to sign in, which a page of the issuer's
// may do, or anybody: so all they can choose is a page of this site and a name to
// begin with. The sign-in itself is that of everybody.
func (g *Gate) initiated(raw string) (map[string]string, error) {
	if len(raw) > maxInitiate {
		return nil, errors.New("has too many parameters")
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("is malformed")
	}
	q, err := single(values, issuerName, loginHint, targetLink)
	switch {
	case err != nil:
		return nil, err
	case q[issuerName] != g.cfg.Issuer:
		return nil, fmt.Errorf("asks for the issuer %.100q, which people do not sign in with here", q[issuerName])
	case len(q[loginHint]) > maxHint || q[loginHint] != "" && !clean(q[loginHint]):
		return nil, errors.New("has a login_hint that cannot be used")
	}
	return q, nil
}

// continueInitiated answers the POST of another site. The cookies are not with it
// (SameSite=Lax): whether somebody is signed in shows when the browser comes by
// GET.
func (g *Gate) continueInitiated(w http.ResponseWriter, r *http.Request, o *origin) {
	body, err := formBody(w, r, maxInitiate)
	var q map[string]string
	if err == nil {
		q, err = g.initiated(body)
	}
	if err != nil {
		g.refuseInitiated(w, r, err)
		return
	}
	to := url.Values{issuerName: {q[issuerName]}, targetLink: {o.url + g.targetPath(o, q[targetLink])}}
	if q[loginHint] != "" {
		to.Set(loginHint, q[loginHint])
	}
	g.redirect(w, http.StatusSeeOther, g.cfg.Prefix+"/login?"+to.Encode())
}

// targetPath is where to go after the sign-in: the target's path, if it is a page
// of this site, or else the start.
func (g *Gate) targetPath(o *origin, target string) string {
	path, ok := strings.CutPrefix(target, o.url)
	if ok && len(path) <= maxReturn && g.isLocal(path) {
		return path
	}
	return "/"
}

func (g *Gate) refuseInitiated(w http.ResponseWriter, r *http.Request, err error) {
	g.log.Warn("refused a sign-in that another site began", "error", err)
	g.pages.Message(w, r, http.StatusBadRequest, webpage.Message{
		Title:    lang.T("This sign-in cannot be used"),
		Text:     lang.T("The page that sent you here asked for something that this site does not do."),
		LinkText: lang.T("Sign in"), LinkURL: g.cfg.Prefix + "/login",
	})
}
