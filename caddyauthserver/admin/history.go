package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// recentRecords is how much of their history stands on the page of a user.
const recentRecords = 10

// ownDeeds are the kinds of what people do with their own account. What they did to
// others, while they had rights to, is for superusers to read.
var ownDeeds = []string{"signin.", "session.", "password.", "factor.", "consent.", "device.", "setup."}

// historyPage is all that a user did and that was done to them, newest first.
type historyPage struct {
	frame
	User    *store.User
	URL     string
	Records []auditRow
	// First, Next and Log lead to the newest records, to older ones, and to the same
	// in the audit log; "" where there is no need.
	First, Next, Log string
}

func (a *Admin) showHistory(_ http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := userID(r)
	if err != nil {
		return err
	}
	after, err := store.ParseAuditCursor(r.URL.Query().Get("after"))
	if err != nil {
		return store.ErrNotFound
	}
	page := historyPage{frame: v.frame(), URL: a.userPath(id), Log: a.userLog(v, id)}
	if page.User, err = a.manage.Check(r.Context(), v.actor(), manage.ByID(id)); err != nil {
		return err
	}
	var next store.AuditCursor
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Records, next, err = a.history(tx, v, page.User, after, pageSize)
		return err
	})
	if err != nil {
		return err
	}
	if !after.IsZero() {
		page.First = page.URL + "/history"
	}
	if !next.IsZero() {
		page.Next = page.URL + "/history?" + url.Values{"after": {next.String()}}.Encode()
	}
	return v.show(http.StatusOK, "history", lang.T("History of %s", page.User.Username), "users", page)
}

// userLog is where the audit log shows nothing but a user, for whom it is open to.
func (a *Admin) userLog(v *visit, id int64) string {
	if !v.User.IsSuperuser {
		return ""
	}
	return a.path("audit") + "?" + url.Values{"user": {strconv.FormatInt(id, 10)}}.Encode()
}

// history is what a user did and what was done to them, as far as the visitor may
// know. There may be fewer than limit and yet more to come.
func (a *Admin) history(tx store.ReadTx, v *visit, u *store.User, after store.AuditCursor, limit int) ([]auditRow, store.AuditCursor, error) {
	records, next, err := tx.Audit(&store.AuditQuery{Of: store.UserParty(u), After: after}, limit)
	if err != nil {
		return nil, next, err
	}
	if !v.User.IsSuperuser {
		records = forStaff(records, strconv.FormatInt(u.ID, 10))
	}
	return auditRows(records, func(p store.AuditParty) string {
		n, err := strconv.ParseInt(p.ID, 10, 64)
		if p.Type != store.UserType || err != nil || n == u.ID {
			return ""
		}
		return a.userPath(n)
	}), next, nil
}

// forStaff leaves what is of the user's own account, without from where others, who
// may have more rights, did something to it.
func forStaff(records []*store.AuditRecord, id string) (seen []*store.AuditRecord) {
	is := func(p store.AuditParty) bool { return p.Type == store.UserType && p.ID == id }
	for _, r := range records {
		own := false
		for _, kind := range ownDeeds {
			own = own || strings.HasPrefix(string(r.Action), kind)
		}
		if !is(r.Target) && (!own || r.Target.Type == store.UserType) {
			continue
		}
		if r.Actor.Type != "" && !is(r.Actor) {
			shown := *r
			shown.IP, shown.UserAgent = "", ""
			r = &shown
		}
		seen = append(seen, r)
	}
	return seen
}

// auditRow is a record of the audit log, as pages show it.
type auditRow struct {
	*store.AuditRecord
	Who, Whom auditParty
}

// auditParty is somebody or something in it, and where there is more of them, "" if
// nowhere.
type auditParty struct {
	store.AuditParty
	URL string
}

func auditRows(records []*store.AuditRecord, link func(store.AuditParty) string) []auditRow {
	rows := make([]auditRow, 0, len(records))
	for _, r := range records {
		rows = append(rows, auditRow{r, auditParty{r.Actor, link(r.Actor)}, auditParty{r.Target, link(r.Target)}})
	}
	return rows
}
