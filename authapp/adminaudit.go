package authapp

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/internal/auditlog"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) auditRoutes() {
	api.handle("GET /auth/audit", api.listAudit)
}

// auditPage is a page of the audit log, newest first. Next is the after of the
// next page; absent on the last. A page may be empty and yet have a next.
type auditPage struct {
	Records []*store.AuditRecord `json:"records"`
	Next    string               `json:"next,omitempty"`
}

// listAudit takes user, actor, target (see auditParty), action, since, until,
// after and limit.
func (api *adminAPI) listAudit(a *App, r *http.Request) (any, error) {
	limit, err := pageLimit(r)
	if err != nil {
		return nil, err
	}
	params := r.URL.Query()
	page := auditPage{}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) error {
		q, err := auditQuery(tx, params, time.Now())
		if err != nil {
			return err
		}
		records, next, err := tx.Audit(q, limit)
		page = auditPage{Records: records, Next: next.String()}
		return err
	})
	if err != nil {
		return nil, err
	}
	if page.Records == nil {
		page.Records = []*store.AuditRecord{}
	}
	return page, nil
}

func auditQuery(tx store.UserReader, params url.Values, now time.Time) (q *store.AuditQuery, err error) {
	q = &store.AuditQuery{Action: store.AuditAction(params.Get("action"))}
	for _, p := range []struct {
		name string
		to   *store.AuditParty
	}{{"user", &q.Of}, {"actor", &q.Actor}, {"target", &q.Target}} {
		if *p.to, err = auditParty(tx, params.Get(p.name)); err != nil {
			return nil, err
		}
	}
	for _, p := range []struct {
		name string
		to   *time.Time
	}{{"since", &q.Since}, {"until", &q.Until}} {
		if *p.to, err = auditlog.ParseTime(params.Get(p.name), now); err != nil {
			return nil, refuse(http.StatusBadRequest, "%s %v", p.name, err)
		}
	}
	if q.After, err = store.ParseAuditCursor(params.Get("after")); err != nil {
		return nil, refuse(http.StatusBadRequest, "after %.40q: it is the next of the page before", params.Get("after"))
	}
	return q, nil
}

// auditParty reads a user (a username, or id:<id>, also of who was deleted), the
// word operator or server, or <type>:<id>, as in client:wiki.
func auditParty(tx store.UserReader, text string) (store.AuditParty, error) {
	if text == "" {
		return store.AuditParty{}, nil
	}
	if text == store.OperatorParty || text == store.ServerParty {
		return store.AuditParty{Type: text}, nil
	}
	if id, ok, err := userID(text); ok || err != nil {
		return store.AuditParty{Type: store.UserType, ID: strconv.FormatInt(id, 10)}, err
	}
	if typ, id, ok := strings.Cut(text, ":"); ok && typ != "" && id != "" {
		return store.AuditParty{Type: typ, ID: id}, nil
	}
	u, err := tx.UserByUsername(password.NormalUsername(text))
	if errors.Is(err, store.ErrNotFound) {
		return store.AuditParty{}, refuse(http.StatusNotFound, "there is no user %q; write <type>:<id> for anything else, as in client:wiki, and id:<id> for a user by the id, also one who was deleted", text)
	}
	if err != nil {
		return store.AuditParty{}, err
	}
	return store.UserParty(u), nil
}
