package gate

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// ServeOwn answers for the gate's own paths.
func (g *Gate) ServeOwn(w http.ResponseWriter, r *http.Request) {
	o := g.originOf(r)
	if o == nil {
		g.Refuse(w, r, Decision{Verdict: BadRequest, reason: reasonHost})
		return
	}
	if g.cfg.Pending {
		g.notEnrolled(w, r)
		return
	}
	switch g.ownPath(r.URL) {
	case "login":
		g.serveLogin(w, r, o)
	case "callback":
		g.serveCallback(w, r, o)
	case "logout":
		g.serveLogout(w, r, o)
	case "me":
		g.serveMe(w, r, o)
	case "sync":
		g.ServeSync(w, r)
	case "directory":
		g.serveDirectory(w, r)
	case "backchannel-logout":
		g.ServeBackchannelLogout(w, r)
	case "frontchannel-logout":
		g.serveFrontchannelLogout(w, r, o)
	default:
		g.notFound(w, r)
	}
}

func (g *Gate) notFound(w http.ResponseWriter, r *http.Request) {
	g.pages.Message(w, r, http.StatusNotFound, webpage.Message{Title: lang.T("Not found"), LinkText: lang.T("Go to the start"), LinkURL: "/"})
}

// Refuse answers a request that may not pass.
func (g *Gate) Refuse(w http.ResponseWriter, r *http.Request, d Decision) {
	switch d.Verdict {
	case Login:
		if d.origin == nil {
			g.unknownHost(w, r)
			return
		}
		g.startLogin(w, r, d.origin, g.returnPath(r), "", 0)
	case Unauthorized:
		g.unauthorized(w)
	case Forbidden:
		g.forbidden(w, r, d)
	case BadRequest:
		g.unknownHost(w, r)
	case Unavailable:
		switch d.reason {
		case reasonOutdated:
			g.serverUnheard(w, r)
		case reasonPending:
			g.notEnrolled(w, r)
		default:
			g.storeUnavailable(w, r)
		}
	default: // a Pass that was refused by mistake stays closed
		g.storeUnavailable(w, r)
	}
}

// unauthorized tells a program that it must sign in, and where a person would.
// It is no redirect: scripts would follow it and take the login page for data.
func (g *Gate) unauthorized(w http.ResponseWriter) {
	// RFC 9110 section 11.6.1 wants a challenge. This scheme is no standard's,
	// so no browser opens a password box for it.
	w.Header().Set("WWW-Authenticate", `Session realm="sign-in", login="`+g.cfg.Prefix+`/login"`)
	writeProblem(w, http.StatusUnauthorized, `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Nobody is signed in.","login":"`+
		g.cfg.Prefix+`/login"}`)
}

// writeProblem answers a program with a problem document (RFC 9457).
func writeProblem(w http.ResponseWriter, status int, document string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write([]byte(document + "\n"))
}

func (g *Gate) forbidden(w http.ResponseWriter, r *http.Request, d Decision) {
	if d.reason == reasonOrigin {
		g.log.Warn("refused an upgrade that another site asked for", "from", oneLine(first(r.Header, "Origin")), "host", oneLine(r.Host))
		g.pages.Message(w, r, http.StatusForbidden, webpage.Message{
			Title: lang.T("Forbidden"),
			Text:  lang.T("The connection was asked for by a page of another site."),
		})
		return
	}
	m := webpage.Message{
		Title:    lang.T("You may not see this"),
		Text:     lang.T("You are signed in, but this page is for others. Ask whoever runs this site if you should have it."),
		LinkText: lang.T("Sign in as someone else"), LinkURL: g.cfg.Prefix + "/logout",
	}
	if d.Identity != nil {
		if name, ok := d.Identity.Value("username"); ok {
			m.Text = lang.T("You are signed in as %s, but this page is for others. Ask whoever runs this site if you should have it.", name)
		}
	}
	g.pages.Message(w, r, http.StatusForbidden, m)
}

func (g *Gate) unknownHost(w http.ResponseWriter, r *http.Request) {
	known := make([]string, len(g.origins))
	for i := range g.origins {
		known[i] = g.origins[i].url
	}
	// Scanners ask for all kinds of hosts; once a minute is enough to find out.
	level := slog.LevelDebug
	if now, last := g.cfg.Now().UnixNano(), g.hostWarned.Load(); now-last > int64(time.Minute) && g.hostWarned.CompareAndSwap(last, now) {
		level = slog.LevelWarn
	}
	g.log.Log(r.Context(), level, "refused a request for a host that is not the gate's; add it to the option origin if it should be",
		"host", oneLine(r.Host), "origins", known)
	g.pages.Message(w, r, http.StatusBadRequest, webpage.Message{
		Title: lang.T("Unknown address"),
		Text: lang.T("People do not sign in under this host name. If they should, whoever runs this site has to name it: " +
			"with the gate's option origin."),
	})
}

func (g *Gate) storeUnavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	g.pages.Message(w, r, http.StatusServiceUnavailable, webpage.Message{
		Title:    lang.T("Not available just now"),
		Text:     lang.T("Whether you are signed in cannot be looked up at the moment. Try again shortly."),
		LinkText: lang.T("Try again"), LinkURL: g.tryAgainURL(r),
	})
}

func (g *Gate) notEnrolled(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "5")
	g.pages.Message(w, r, http.StatusServiceUnavailable, webpage.Message{
		Title: lang.T("Not enrolled yet"),
		Text: lang.T("This site does not know its sign-in service yet. Try again shortly. " +
			"If that does not help, tell whoever runs this site: its log says what is wrong."),
		LinkText: lang.T("Try again"), LinkURL: g.tryAgainURL(r),
	})
}

func allowMethods(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusMethodNotAllowed)
	return false
}
