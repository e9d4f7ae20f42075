package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// Whoever administers signed in not long ago: a browser that was left open is no
// way in. What gives power to somebody asks for a moment ago.
const (
	viewWithin   = 12 * time.Hour
	changeWithin = 15 * time.Minute
)

// visit is somebody who may see the page, for one request.
type visit struct {
	*Visitor
	a *Admin
	w http.ResponseWriter
	r *http.Request
	// form was posted, with its token; nil for GET.
	form url.Values
	// file came with it, where the page takes one.
	file []byte
}

// role says who may see a page.
type role func(*store.User) bool

func staff(u *store.User) bool     { return u.IsStaff || u.IsSuperuser }
func superuser(u *store.User) bool { return u.IsSuperuser }

// handler answers a visit. With an error, it has answered nothing.
type handler func(http.ResponseWriter, *http.Request, *visit) error

// page declares one: for GET show, for POST do, which may be nil.
func (a *Admin) page(name string, who role, show, do handler) { a.declare(name, who, show, do, false) }

// upload declares a page whose form has a file.
func (a *Admin) upload(name string, who role, show, do handler) { a.declare(name, who, show, do, true) }

func (a *Admin) declare(name string, who role, show, do handler, upload bool) {
	a.mux.HandleFunc(a.path(name), func(w http.ResponseWriter, r *http.Request) {
		posted := r.Method == http.MethodPost
		if posted && do == nil {
			w.Header().Set("Allow", "GET, HEAD")
			a.message(w, r, http.StatusMethodNotAllowed, webpage.Message{
				Title: lang.T("Method not allowed"), Text: lang.T("This address cannot be used in this way."),
			})
			return
		}
		v, ok := a.admit(w, r, who)
		if !ok {
			return
		}
		answer := show
		if posted {
			answer = do
			if !a.readForm(w, r, v, upload) {
				return
			}
		}
		if err := answer(w, r, v); err != nil {
			a.fail(w, r, err)
		}
	})
}

// admit finds out who comes, and answers those who are not let in yet.
func (a *Admin) admit(w http.ResponseWriter, r *http.Request, who role) (*visit, bool) {
	in, err := a.Door.Visitor(r)
	if err != nil {
		a.fail(w, r, err)
		return nil, false
	}
	if in == nil {
		a.Door.SignIn(w, r, nil, back(r))
		return nil, false
	}
	if !who(in.User) {
		a.Logger.Warn("administration refused", "user_id", in.User.ID, "path", r.URL.Path)
		a.forbid(w, r)
		return nil, false
	}
	v := &visit{Visitor: in, a: a, w: w, r: r}
	return v, v.signedInWithin(viewWithin)
}

// signedInWithin says whether the person proved who they are that lately. If not, it
// has them do so and come back to where they are.
func (v *visit) signedInWithin(d time.Duration) bool {
	if v.a.Now().Sub(v.AuthTime) < d {
		return true
	}
	v.a.Door.SignIn(v.w, v.r, v.Visitor, back(v.r))
	return false
}

// origin is who acts, for the audit log.
func (v *visit) origin() store.AuditOrigin {
	by := v.actor()
	return store.AuditOrigin{Actor: store.UserParty(v.User), IP: by.IP, UserAgent: by.UserAgent, Time: v.a.Now()}
}

// back is where a browser that has to sign in is to return: what was posted is not
// posted again.
func back(r *http.Request) string {
	if r.Method == http.MethodPost {
		return r.URL.EscapedPath()
	}
	return r.URL.RequestURI()
}

// csrf is the token for the forms of the visit's pages. One purpose for all of
// administration, bound to the session: whoever may see one of its forms may see
// those of all pages that they may post to.
func (v *visit) csrf() string { return v.a.Door.CSRFToken(v.w, v.r, v.purpose()) }

func (v *visit) purpose() string { return "admin\x00" + string(v.Session[:]) }

// path is that of a page of administration.
func (a *Admin) path(name string) string {
	if name == "" {
		return a.Path
	}
	return a.Path + "/" + name
}

// goTo leads the browser to a page, so that it never posts again.
func (a *Admin) goTo(w http.ResponseWriter, name string, query url.Values) {
	to := a.path(name)
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

func (a *Admin) message(w http.ResponseWriter, r *http.Request, status int, m webpage.Message) {
	a.Pages.Message(w, r, status, m)
}

func (a *Admin) forbid(w http.ResponseWriter, r *http.Request) {
	a.message(w, r, http.StatusForbidden, webpage.Message{
		Title: lang.T("Not allowed"), Text: lang.T("Your account may not do this. Ask somebody who administers this server."),
		LinkText: lang.T("Back to your account"), LinkURL: a.AccountURL,
	})
}

// fail answers what no page foresaw. What failed goes to the log alone.
func (a *Admin) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, manage.ErrNotAllowed) {
		a.forbid(w, r)
		return
	}
	if errors.Is(err, manage.ErrSelf) {
		a.message(w, r, http.StatusConflict, webpage.Message{
			Title: lang.T("Not to yourself"), Text: lang.T("Nobody can disable or delete their own account, or give up being a superuser. Ask another superuser."),
			LinkText: lang.T("Back to administration"), LinkURL: a.Path,
		})
		return
	}
	if errors.Is(err, store.ErrNotFound) {
		a.message(w, r, http.StatusNotFound, webpage.Message{
			Title: lang.T("Not there any more"), Text: lang.T("What you ask for does not exist, or was deleted meanwhile."),
			LinkText: lang.T("Back to administration"), LinkURL: a.Path,
		})
		return
	}
	if !errors.Is(err, context.Canceled) || r.Context().Err() == nil { // else the asker left
		a.Logger.Error("administration failed", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Retry-After", "5")
	a.message(w, r, http.StatusServiceUnavailable, webpage.Message{
		Title: lang.T("Not available right now"),
		Text:  lang.T("Something went wrong on our side. Please try again in a moment."),
	})
}
