package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/auditlog"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// auditPage lists the audit log, newest first.
type auditPage struct {
	frame
	Records []auditRow
	// What was asked for, as it was typed.
	User, Action, Since, Until string
	Actions                    []string
	Problem                    lang.Text
	// First, Next, CSV and JSON lead to the newest records, to older ones and to all
	// of them; "" where there is no need.
	First, Next, CSV, JSON string
}

// auditActions are what one may filter by: kinds, which end in a dot.
var auditActions = []string{
	"signin.", "signin.success", "signin.failure", "session.", "password.", "factor.", "consent.", "device.", "token.", "setup.",
	"user.", "object.", "client.", "registration.", "sync.", "key.", "backup.", "audit.",
}

func (a *Admin) showAudit(_ http.ResponseWriter, r *http.Request, v *visit) error {
	params := r.URL.Query()
	page := auditPage{
		frame: v.frame(), User: params.Get("user"), Action: params.Get("action"), Since: params.Get("since"), Until: params.Get("until"),
		Actions: auditActions,
	}
	status := http.StatusOK
	q, problem, err := a.auditQuery(r, params)
	if err != nil {
		return err
	}
	if page.Problem = problem; !problem.IsZero() {
		return v.show(http.StatusUnprocessableEntity, "audit", lang.T("Audit log"), "audit", page)
	}
	var next store.AuditCursor
	err = a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		var records []*store.AuditRecord
		records, next, err = tx.Audit(q, pageSize)
		page.Records = auditRows(records, sameParty)
		return err
	})
	if err != nil {
		return err
	}
	to := func(page, name, value string) string {
		q := url.Values{}
		for _, kept := range []string{"user", "action", "since", "until"} {
			if s := params.Get(kept); s != "" {
				q.Set(kept, s)
			}
		}
		q.Set(name, value)
		return a.path(page) + "?" + q.Encode()
	}
	if params.Get("after") != "" {
		page.First = to("audit", "after", "")
	}
	if !next.IsZero() {
		page.Next = to("audit", "after", next.String())
	}
	page.CSV, page.JSON = to("audit/export", "format", "csv"), to("audit/export", "format", "jsonl")
	return v.show(status, "audit", lang.T("Audit log"), "audit", page)
}

// sameParty filters the page by a party.
func sameParty(p store.AuditParty) string {
	switch p.Type {
	case "", store.OperatorParty, store.ServerParty:
		return ""
	case store.UserType:
		return "?" + url.Values{"user": {p.ID}}.Encode()
	}
	return "?" + url.Values{"user": {p.Type + ":" + p.ID}}.Encode()
}

// auditQuery reads what is asked for, or says what is wrong with it.
func (a *Admin) auditQuery(r *http.Request, params url.Values) (q *store.AuditQuery, problem lang.Text, err error) {
	q = &store.AuditQuery{Action: store.AuditAction(params.Get("action"))}
	if q.After, err = store.ParseAuditCursor(params.Get("after")); err != nil {
		return nil, lang.T("This address is not one of this list."), nil
	}
	if q.Since, err = auditlog.ParseTime(strings.TrimSpace(params.Get("since")), a.Now()); err == nil {
		q.Until, err = auditlog.ParseTime(strings.TrimSpace(params.Get("until")), a.Now())
	}
	if err != nil {
		return nil, lang.T("Write times as 24h or 7d ago, or as a day, 2026-11-23."), nil
	}
	user := strings.TrimSpace(params.Get("user"))
	if typ, id, ok := strings.Cut(user, ":"); ok {
		q.Of = store.AuditParty{Type: typ, ID: id}
		return q, lang.Text{}, nil
	}
	if _, err := strconv.ParseInt(user, 10, 64); err == nil || user == "" {
		if user != "" {
			q.Of = store.AuditParty{Type: store.UserType, ID: user}
		}
		return q, lang.Text{}, nil
	}
	if user == store.OperatorParty || user == store.ServerParty {
		q.Of = store.AuditParty{Type: user}
		return q, lang.Text{}, nil
	}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		u, err := tx.UserByUsername(user)
		if err == nil {
			q.Of = store.UserParty(u)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, lang.T("Nobody has this username. Who was deleted is found by their number."), nil
	}
	return q, lang.Text{}, err
}

// exportPatience is how long a piece of an export may take to be taken.
const exportPatience = time.Minute

// exportAudit sends all that is asked for, as it is read. That somebody took it is
// in the log too.
func (a *Admin) exportAudit(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.signedInWithin(changeWithin) {
		return nil
	}
	params := r.URL.Query()
	q, problem, err := a.auditQuery(r, params)
	if err != nil {
		return err
	}
	format := params.Get("format")
	out, err := auditlog.NewWriter(w, format)
	if !problem.IsZero() || err != nil {
		a.goTo(w, "audit", params) // which says what is wrong
		return nil
	}
	q.After = store.AuditCursor{}
	err = a.Store.Update(r.Context(), func(tx store.WriteTx) error {
		by := store.AuditOrigin{Actor: store.UserParty(v.User), IP: v.actor().IP, UserAgent: v.actor().UserAgent, Time: a.Now()}
		return store.Audit(tx, by, store.ActionAuditExport, store.AuditParty{}, store.AuditChange{Field: "format", New: format})
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}[format])
	h.Set("Content-Disposition", `attachment; filename="audit.`+format+`"`)
	control := http.NewResponseController(w)
	err = auditlog.Export(r.Context(), a.Store, *q, func(records []*store.AuditRecord) error {
		_ = control.SetWriteDeadline(time.Now().Add(exportPatience)) // not every server has one
		for _, record := range records {
			if err := out.Write(record); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	if err != nil {
		a.Logger.Warn("an export of the audit log broke off", "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
	return nil
}
