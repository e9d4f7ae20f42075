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

// historyPage is all that a user did and that was done to them, or to an object, newest
// first.
type historyPage struct {
	frame
	Name    string
	URL     string // where they are looked after
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
	u, err := a.manage.Check(r.Context(), v.actor(), manage.ByID(id))
	if err != nil {
		return err
	}
	return a.historyPage(r, v, historyPage{Name: u.Name(), URL: a.userPath(id)}, store.UserParty(u), "users",
		func(tx store.ReadTx, after store.AuditCursor) ([]auditRow, store.AuditCursor, error) {
			return a.history(tx, v, u, after, pageSize)
		})
}

func (a *Admin) showObjectHistory(_ http.ResponseWriter, r *http.Request, v *visit) error {
	ref, err := a.objectRef(r)
	if err != nil {
		return err
	}
	var o *store.Object
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		o, err = tx.Object(ref)
		return err
	})
	if err != nil {
		return err
	}
	return a.historyPage(r, v, historyPage{Name: manage.Label(a.Schema, o), URL: a.objectPath(ref)}, store.ObjectParty(o), "objects/"+ref.Type,
		func(tx store.ReadTx, after store.AuditCursor) ([]auditRow, store.AuditCursor, error) {
			return a.objectHistory(tx, v, o, after, pageSize)
		})
}

// historyPage shows the records that read finds.
func (a *Admin) historyPage(r *http.Request, v *visit, page historyPage, of store.AuditParty, current string,
	read func(store.ReadTx, store.AuditCursor) ([]auditRow, store.AuditCursor, error)) error {
	after, err := store.ParseAuditCursor(r.URL.Query().Get("after"))
	if err != nil {
		return store.ErrNotFound
	}
	page.frame = v.frame()
	if v.User.IsSuperuser { // to whom the log is open
		page.Log = a.path("audit") + sameParty(of)
	}
	var next store.AuditCursor
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Records, next, err = read(tx, after)
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
	return v.show(http.StatusOK, "history", lang.T("History of %s", page.Name), current, page)
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
	return auditRows(records, a.toUsersBut(u.ID)), next, nil
}

// toUsersBut leads to users, but for the one whose page it is.
func (a *Admin) toUsersBut(id int64) func(store.AuditParty) string {
	return func(p store.AuditParty) string {
		n, err := strconv.ParseInt(p.ID, 10, 64)
		if p.Type != store.UserType || err != nil || n == id {
			return ""
		}
		return a.userPath(n)
	}
}

// objectHistory is what was done to an object. An app may be a party of the same name,
// if a type is called client, so it is asked for deeds of this kind alone.
func (a *Admin) objectHistory(tx store.ReadTx, v *visit, o *store.Object, after store.AuditCursor, limit int) ([]auditRow, store.AuditCursor, error) {
	records, next, err := tx.Audit(&store.AuditQuery{Target: store.ObjectParty(o), Action: "object.", After: after}, limit)
	if err != nil {
		return nil, next, err
	}
	if !v.User.IsSuperuser {
		for i, r := range records {
			records[i] = ofOthers(r, strconv.FormatInt(v.User.ID, 10))
		}
	}
	return auditRows(records, a.toUsersBut(0)), next, nil
}

// forStaff leaves what is of the user's own account, without from where others, who
// may have more rights, did something to it.
func forStaff(records []*store.AuditRecord, id string) (seen []*store.AuditRecord) {
	for _, r := range records {
		own := false
		for _, kind := range ownDeeds {
			own = own || strings.HasPrefix(string(r.Action), kind)
		}
		if !isUser(r.Target, id) && (!own || r.Target.Type == store.UserType) {
			continue
		}
		seen = append(seen, ofOthers(r, id))
	}
	return seen
}

func isUser(p store.AuditParty, id string) bool { return p.Type == store.UserType && p.ID == id }

// ofOthers is a record without from where it was done, if that was by another than a
// user.
func ofOthers(r *store.AuditRecord, id string) *store.AuditRecord {
	if r.Actor.Type == "" || isUser(r.Actor, id) {
		return r
	}
	shown := *r
	shown.IP, shown.UserAgent = "", ""
	return &shown
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
