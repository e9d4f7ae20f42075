package authapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

func (a *api) audit(query string) (lines []string) {
	a.t.Helper()
	var page auditPage
	a.do("GET", "/auth/audit?"+query, "", 200, &page)
	for _, r := range page.Records {
		line := fmt.Sprintf("%s by %s to %s", r.Action, partyText(r.Actor), partyText(r.Target))
		for _, c := range r.Changes {
			line += fmt.Sprintf(" %s:%s>%s", c.Field, c.Old, c.New)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestAdminIsAudited: whatever the operator changes is in the log, with what
// changed, and never with a secret.
func TestAdminIsAudited(t *testing.T) {
	a := newAPI(t)
	core, told := observer.New(zap.InfoLevel)
	a.app.audit = &auditTeller{log: zap.New(core), queue: make(chan *store.AuditRecord, 1)}
	a.do("POST", "/auth/objects/company", `{"name":"Acme"}`, 201, nil)
	a.do("PATCH", "/auth/objects/company/1", `{"name":"Bcme"}`, 200, nil)
	a.do("POST", "/auth/objects/company", `{"name":"Gone"}`, 201, nil)
	a.do("DELETE", "/auth/objects/company/2", "", 204, nil)
	a.do("POST", "/auth/users", `{"username":"alice","password":"the first of two","company":"1"}`, 201, nil)
	a.do("PATCH", "/auth/users/alice", `{"email":"a@example.com","groups":"it"}`, 200, nil)
	a.do("PUT", "/auth/users/alice/password", `{"password":"the second of them"}`, 204, nil)
	a.do("POST", "/auth/users/alice/disable", "", 200, nil)
	a.do("POST", "/auth/users/alice/enable", "", 200, nil)
	a.do("DELETE", "/auth/users/alice/sessions", "", 204, nil)
	a.do("DELETE", "/auth/users/alice", "", 204, nil)
	var made clientView
	a.do("POST", "/auth/clients", `{"id":"app","redirect_uris":["https://app.example.com/cb"]}`, 201, &made)
	var rotated clientView
	a.do("POST", "/auth/clients/app/rotate-secret", `{"overlap":"1h"}`, 200, &rotated)
	a.do("DELETE", "/auth/clients/app", "", 204, nil)
	a.do("POST", "/auth/users", `{"username":"alice again"}`, 400, nil) // nothing is done, so nothing is told

	all := a.audit("")
	want := []string{
		"client.delete by operator to client:app",
		"client.rotate_secret by operator to client:app overlap:>1h0m0s",
		"client.create by operator to client:app redirect_uris:>https://app.example.com/cb",
		"user.delete by operator to alice",
		"session.end_all by operator to alice",
		"user.enable by operator to alice is_active:>true",
		"user.disable by operator to alice is_active:true>",
		"password.set by operator to alice",
		"user.change by operator to alice email:>a@example.com groups:>it",
		"user.create by operator to alice company:>1 is_active:>true username:>alice",
		"object.delete by operator to company:2 (Gone)",
		"object.create by operator to company:2 (Gone) name:>Gone",
		"object.change by operator to company:1 (Bcme) name:Acme>Bcme",
		"object.create by operator to company:1 (Acme) name:>Acme",
	}
	if strings.Join(all, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
	if got := told.Len(); got != len(want) {
		t.Errorf("%d records were told to the log; want %d", got, len(want))
	}
	text := fmt.Sprint(all) + fmt.Sprint(told.All())
	for _, secret := range []string{made.Secret, rotated.Secret, "the first of two", "the second of them", "argon2"} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("a secret is in the log, or there was none")
		}
	}
	for query, n := range map[string]int{
		"user=id:1": 7, "action=client.": 3, "action=user.create": 1, "target=client:app": 3, "actor=operator": 14, "actor=server": 0,
		"target=company:1&action=object.change": 1, "since=1h": 14, "until=1h": 0,
	} {
		if got := a.audit(query); len(got) != n {
			t.Errorf("%s: %d records; want %d: %v", query, len(got), n, got)
		}
	}
	for query, status := range map[string]int{"user=nobody": 404, "user=1": 404, "actor=id:x": 400, "since=yesterday": 400, "after=x": 400, "limit=0": 400} {
		a.do("GET", "/auth/audit?"+query, "", status, nil)
	}
	// A page at a time.
	var page auditPage
	var ids []uint64
	for after := ""; ; after = page.Next {
		page = auditPage{}
		a.do("GET", "/auth/audit?limit=5&after="+after, "", 200, &page)
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		if page.Next == "" {
			break
		}
	}
	if len(ids) != len(want) || ids[0] != uint64(len(want)) || ids[len(ids)-1] != 1 {
		t.Errorf("page by page the log has %v", ids)
	}
}

// TestNothingIsToldThatIsNotWritten: what failed is not told, and what the store
// had to do twice is told once.
func TestNothingIsToldThatIsNotWritten(t *testing.T) {
	a := newAPI(t)
	core, told := observer.New(zap.InfoLevel)
	faulty := storetest.Fail(a.app.shared.Store)
	s := auditedStore{faulty, &auditTeller{log: zap.New(core)}}
	write := func(tx store.WriteTx) error {
		return store.Audit(tx, byOperator(), store.ActionKeyRotate, store.AuditParty{})
	}
	faulty.Nth(storetest.NotDone, 1)
	if err := s.Update(t.Context(), write); !errors.Is(err, storetest.ErrFault) {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx store.WriteTx) error { return errors.Join(write(tx), errors.New("no")) }); err == nil {
		t.Fatal("it did not fail")
	}
	if told.Len() != 0 {
		t.Errorf("told %v", told.All())
	}
	twice := auditedStore{again{a.app.shared.Store}, s.told}
	if err := twice.Update(t.Context(), write); err != nil || told.Len() != 1 {
		t.Errorf("told %d times, %v", told.Len(), err)
	}
	(*auditTeller)(nil).tell([]*store.AuditRecord{{}}) // who has no log tells nobody
}

// TestAuditIsPruned: the sweeper removes what is older than is kept.
func TestAuditIsPruned(t *testing.T) {
	a := newAPI(t)
	now := time.Now()
	a.update(func(tx store.WriteTx) error {
		for i := range 30 {
			r := &store.AuditRecord{Time: now.AddDate(0, 0, -10*i).Add(time.Minute), Action: store.ActionSignIn}
			if err := tx.PutAudit(r); err != nil {
				return err
			}
		}
		return nil
	})
	a.app.AuditKeep = 0
	p := auditPruner{a.app.shared.Store, a.app.auditKeep()}
	total := 0
	for {
		n, err := p.Sweep(t.Context(), now, 7)
		if err != nil || n > 7 {
			t.Fatalf("removed %d, %v", n, err)
		}
		if n == 0 {
			break
		}
		total += n
	}
	if got := len(a.audit("")); total != 20 || got != 10 {
		t.Errorf("removed %d, and %d are left; want those of 90 days", total, got)
	}
}

// again is a store that has to try everything twice.
type again struct{ store.Store }

func (s again) Update(ctx context.Context, fn func(store.WriteTx) error) error {
	tries := 0
	refused := errors.New("try again")
	err := s.Store.Update(ctx, func(tx store.WriteTx) error {
		if tries++; tries == 1 {
			return errors.Join(fn(tx), refused)
		}
		return fn(tx)
	})
	if errors.Is(err, refused) {
		return s.Store.Update(ctx, fn)
	}
	return err
}

func init() { caddy.RegisterModule(eventCatcher{}) }

// eventCatcher is a handler of Caddy's events app.
type eventCatcher struct{}

var caught = make(chan caddy.Event, 100)

func (eventCatcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.catch", New: func() caddy.Module { return new(eventCatcher) }}
}

func (eventCatcher) Handle(_ context.Context, e caddy.Event) error {
	caught <- e
	return nil
}

func (eventCatcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	return nil
}

var _ caddyevents.Handler = eventCatcher{}

// TestAuditEvents: who subscribed in Caddy's events app hears of what they
// subscribed to.
func TestAuditEvents(t *testing.T) {
	resetEvents()
	dir := t.TempDir()
	mustLoad(t, strings.Replace(globals(dir), "{\n", "{\n\tevents {\n\t\ton auth.user.create catch\n\t}\n", 1)+"http://a.example.com {\n\tfake_server name=s\n}")
	s := server(t, "s").env.Store
	for _, action := range []store.AuditAction{store.ActionSignIn, store.ActionUserCreate} {
		err := s.Update(t.Context(), func(tx store.WriteTx) error {
			return store.Audit(tx, byOperator(), action, store.AuditParty{Type: store.UserType, ID: "7", Name: "ann"})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case e := <-caught:
		if e.Name() != "auth.user.create" || e.Data["target"] != "ann" || e.Data["actor_type"] != "operator" {
			t.Errorf("heard of %s %v", e.Name(), e.Data)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard")
	}
	if len(caught) > 0 {
		t.Errorf("heard of %v", <-caught)
	}
}

func TestAuditCommands(t *testing.T) {
	c := newCLI(t, cliSite)
	c.ok("", "user", "create", "alice", "--no-password")
	c.ok("", "user", "set", "alice", "first_name==1+1")
	table := c.ok("", "audit", "list", "--user", "alice")
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 3 || !strings.Contains(lines[1], "user.change") || !strings.Contains(lines[1], "operator") || !strings.Contains(lines[1], "first_name: =1+1") {
		t.Errorf("the table is\n%s", table)
	}
	var page auditPage
	if c.json(&page, "", "audit", "list", "--limit", "1"); len(page.Records) != 1 || page.Next == "" || page.Records[0].Action != store.ActionUserChange {
		t.Errorf("listed %+v", page)
	}
	if c.json(&page, "", "audit", "list", "--since", "1h", "--action", "user.create"); len(page.Records) != 1 {
		t.Errorf("listed %+v", page)
	}
	if out := c.ok("", "audit", "export", "--action", "user."); !strings.HasPrefix(out, "time,action,count,") || strings.Count(out, "\n") != 3 {
		t.Errorf("the table is\n%s", out)
	}
	out := c.ok("", "audit", "export", "--json", "--target", "alice")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var r store.AuditRecord
	if err := json.Unmarshal([]byte(lines[0]), &r); err != nil || len(lines) != 2 || r.Target.Name != "alice" {
		t.Errorf("exported %s, %v", out, err)
	}
	c.ok("", "user", "create", "zoe", "--no-password", "--group", "ops")
	c.ok("", "user", "set", "zoe", "groups=")
	if out := c.ok("", "audit", "list", "--user", "zoe"); !strings.Contains(out, "groups: no longer ops") {
		t.Errorf("that she left a group is not to be seen:\n%s", out)
	}
	if _, errs, code := c.try("", "audit", "export", "--format", "xml"); code == 0 || !strings.Contains(errs, "csv and jsonl") {
		t.Errorf("an unknown format: %d %s", code, errs)
	}
	if _, errs, code := c.try("", "audit", "list", "--since", "yesterday"); code == 0 || !strings.Contains(errs, "how long ago") {
		t.Errorf("no time: %d %s", code, errs)
	}
}
