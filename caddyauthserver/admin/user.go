package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// userPage is all about a user. Its forms post action, and session or client.
type userPage struct {
	frame
	User     *store.User
	URL      string
	May      bool // be changed by who looks
	Self     bool
	Facts    []fact
	Sessions []userSession
	Apps     []userApp
	Factors  int
	Recent   []auditRow // of their history
	Mail     bool       // links can be sent
	InLog    bool       // but only into the log
	Notice   lang.Text
	Alert    lang.Text
}

type fact struct {
	Label lang.Text
	Value string
	URL   string
	Time  time.Time
}

type userSession struct {
	Name, IP    string
	Browser     lang.Text
	Since, Seen time.Time
}

type userApp struct {
	ID, Name string
	Since    time.Time
	Away     bool
}

// userID is the one in the path.
func userID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, store.ErrNotFound
	}
	return id, nil
}

func (a *Admin) showUser(_ http.ResponseWriter, r *http.Request, v *visit) error {
	return a.userPage(r, v, http.StatusOK, lang.Text{})
}

func (a *Admin) userPage(r *http.Request, v *visit, status int, alert lang.Text) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	page := userPage{frame: v.frame(), URL: a.userPath(id), Notice: notice(r.URL.Query()), Alert: alert}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		if page.User, err = tx.User(id); err != nil {
			return err
		}
		page.May, page.Self = manage.May(v.User, page.User), v.User.ID == id
		page.Mail, page.InLog = a.Door.SendsMail() && page.User.Email != "", a.Door.MailsToLog()
		if page.Facts, err = a.facts(tx, page.User); err != nil {
			return err
		}
		if !page.May {
			return nil // where others are signed in is not everybody's to see
		}
		if page.Sessions, err = a.userSessions(tx, id); err != nil {
			return err
		}
		if page.Apps, err = a.userApps(tx, id); err != nil {
			return err
		}
		factors, err := tx.Factors(id)
		if err != nil {
			return err
		}
		page.Factors = len(factors)
		page.Recent, _, err = a.history(tx, v, page.User, store.AuditCursor{}, recentRecords)
		return err
	})
	if err != nil {
		return err
	}
	return v.show(status, "user", lang.T("User %s", page.User.Username), "users", page)
}

// facts are what is known of a user, as far as it is something.
func (a *Admin) facts(tx store.ReadTx, u *store.User) ([]fact, error) {
	facts := []fact{
		{Label: lang.T("First name"), Value: u.FirstName}, {Label: lang.T("Last name"), Value: u.LastName},
		{Label: lang.T("E-mail"), Value: u.Email},
	}
	values := a.Schema.Read(store.UserType, u.Fields)
	for _, d := range a.Schema.Fields(store.UserType) {
		f := fact{Label: lang.Text{Key: typeLabel(d.Name)}, Value: values.Text(d.Name)}
		if ref, ok := values[d.Name].(store.Ref); ok {
			o, err := tx.Object(ref)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			if err == nil {
				f.Value, f.URL = manage.Label(a.Schema, o), a.objectPath(ref)
			}
		}
		facts = append(facts, f)
	}
	for _, g := range u.Groups {
		facts = append(facts, fact{Label: lang.T("Group"), Value: g, URL: a.path("users") + "?" + url.Values{"group": {g}}.Encode()})
	}
	facts = append(facts, fact{Label: lang.T("Joined"), Time: u.DateJoined}, fact{Label: lang.T("Last sign-in"), Time: u.LastLogin},
		fact{Label: lang.T("Number"), Value: strconv.FormatInt(u.ID, 10)})
	known := facts[:0]
	for _, f := range facts {
		if f.Value != "" || !f.Time.IsZero() {
			known = append(known, f)
		}
	}
	return known, nil
}

func (a *Admin) userSessions(tx store.ReadTx, id int64) (sessions []userSession, err error) {
	list, err := tx.SessionsOf(store.ServerRealm, strconv.FormatInt(id, 10))
	for _, s := range list {
		if s.Live(a.Now()) {
			sessions = append(sessions, userSession{s.Name(), s.IP, a.Door.BrowserName(s.UserAgent), s.AuthTime, s.LastSeen})
		}
	}
	return sessions, err
}

func (a *Admin) userApps(tx store.ReadTx, id int64) (apps []userApp, err error) {
	list, err := store.AccessOf(tx, id, a.Now())
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		name, err := a.Door.ClientName(tx, c.ClientID)
		if err != nil {
			return nil, err
		}
		apps = append(apps, userApp{c.ClientID, name, c.Since, c.Offline})
	}
	return apps, nil
}

// doToUser does what a button of the page says.
func (a *Admin) doToUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	ctx, by, find, done := r.Context(), v.actor(), manage.ByID(id), "saved"
	switch action := v.form.Get("action"); action {
	case "disable", "enable":
		_, err = a.manage.SetActive(ctx, by, find, action == "enable")
	case "signout":
		err, done = a.manage.SignOut(ctx, by, find), "signout"
	case "end_session":
		err, done = a.manage.EndSession(ctx, by, find, v.form.Get("session")), "ended"
	case "end_access":
		err, done = a.manage.EndAccess(ctx, by, find, v.form.Get("client")), "taken"
	case "link", "mail_link":
		return a.invite(w, r, v, id, action == "mail_link")
	default:
		return a.userPage(r, v, http.StatusUnprocessableEntity, lang.T("Choose what to do."))
	}
	if err != nil {
		return err
	}
	a.goTo(w, "users/"+strconv.FormatInt(id, 10), url.Values{"done": {done}})
	return nil
}

// linkPage shows a link this once.
type linkPage struct {
	frame
	Username, Link, URL string
}

// invite makes a link by which a user chooses a password, and shows or sends it. Who
// has it has the account, so it takes a sign-in of a moment ago.
func (a *Admin) invite(w http.ResponseWriter, r *http.Request, v *visit, id int64, mail bool) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	u, err := a.manage.Check(r.Context(), v.actor(), manage.ByID(id))
	if err != nil {
		return err
	}
	if !u.IsActive {
		return a.userPage(r, v, http.StatusConflict, lang.T("Enable the account first: a link for it would not work."))
	}
	may := func(tx store.UserReader) error {
		_, err := a.manage.CheckIn(tx, v.actor(), manage.ByID(id))
		return err
	}
	if mail {
		err := a.Door.MailPasswordLink(r.Context(), v.origin(), id, may)
		if errors.Is(err, ErrNoMail) {
			return a.userPage(r, v, http.StatusConflict, lang.T("No mail can be sent to this person. Show the link and hand it over yourself."))
		}
		if err != nil {
			return err
		}
		done := "mailed"
		if a.Door.MailsToLog() {
			done = "logged"
		}
		a.goTo(w, "users/"+strconv.FormatInt(id, 10), url.Values{"done": {done}})
		return nil
	}
	link, err := a.Door.PasswordLink(r.Context(), v.origin(), id, may)
	if err != nil {
		return err
	}
	a.Logger.Info("made a link to choose a password", "user_id", id, "by", v.User.ID)
	return v.show(http.StatusOK, "link", lang.T("Link for %s", u.Username), "users", linkPage{v.frame(), u.Username, link, a.userPath(id)})
}

// confirmPage asks whether something is to be deleted. It posts nothing but the token.
type confirmPage struct {
	frame
	Title, Text  lang.Text
	Action, Back string
	Alert        lang.Text
	Referrers    []fact // that are in the way
}

func (a *Admin) askDeleteUser(_ http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	u, err := a.manage.Check(r.Context(), v.actor(), manage.ByID(id))
	if err != nil {
		return err
	}
	title := lang.T("Delete %s?", u.Username)
	return v.show(http.StatusOK, "confirm", title, "users", confirmPage{
		frame: v.frame(), Title: title, Action: a.userPath(id) + "/delete", Back: a.userPath(id),
		Text: lang.T("The account and all that belongs to it are deleted here, every session ends, and apps are told. This cannot be undone. To keep somebody out for a while, disable the account."),
	})
}

func (a *Admin) deleteUser(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	if err := a.manage.DeleteUser(r.Context(), v.actor(), manage.ByID(id)); err != nil {
		return err
	}
	a.Logger.Info("user deleted", "user_id", id, "by", v.User.ID)
	a.goTo(w, "users", url.Values{"done": {"deleted"}})
	return nil
}
