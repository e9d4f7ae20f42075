package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func userParty(id int) store.AuditParty {
	return store.AuditParty{Type: store.UserType, ID: fmt.Sprint(id), Name: fmt.Sprint("u", id)}
}

func putAudit(p *place, r *store.AuditRecord) *store.AuditRecord {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutAudit(r) })
	return r
}

// audit lists all that q asks for, limit at a time.
func audit(p *place, q store.AuditQuery, limit int) (all []*store.AuditRecord) {
	p.t.Helper()
	for pages := 0; ; pages++ {
		var next store.AuditCursor
		p.view(func(tx store.ReadTx) error {
			records, n, err := tx.Audit(&q, limit)
			if len(records) > limit {
				p.t.Fatalf("a page of at most %d has %d", limit, len(records))
			}
			all, next = append(all, records...), n
			return err
		})
		if next.IsZero() {
			return all
		}
		if again, err := store.ParseAuditCursor(next.String()); err != nil || again != next {
			p.t.Fatalf("the place %v is read as %v, %v", next, again, err)
		}
		if q.After = next; pages > 1000 {
			p.t.Fatal("the log does not end")
		}
	}
}

func auditIDs(records []*store.AuditRecord) (ids []uint64) {
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

func testAudit(t *testing.T, p *place) {
	first := putAudit(p, &store.AuditRecord{
		Time: day.Add(123 * time.Nanosecond), Action: store.ActionUserChange, Actor: store.AuditParty{Type: store.OperatorParty}, Target: userParty(7),
		IP: "2001:db8::1", UserAgent: "Firefox", Count: 3, Changes: []store.AuditChange{{Field: "email", Old: "a@example.com", New: "ä@example.com"}, {Field: "groups"}},
	})
	want := *first
	want.Time = day
	if got := audit(p, store.AuditQuery{}, 10); len(got) != 1 || !reflect.DeepEqual(*got[0], want) {
		t.Fatalf("the log has %+v; want %+v", got, want)
	}
	// Newest first, also what came at the same time, and what tells of earlier.
	second := putAudit(p, &store.AuditRecord{Time: day, Action: store.ActionSignIn, Actor: userParty(7), Target: userParty(7)})
	early := putAudit(p, &store.AuditRecord{Time: day.Add(-time.Hour), Action: store.ActionSignInFailed, Target: userParty(70)})
	late := putAudit(p, &store.AuditRecord{Time: day.Add(time.Hour), Action: store.ActionUserDelete, Actor: userParty(1), Target: userParty(7)})
	putAudit(p, &store.AuditRecord{Time: day.AddDate(0, 0, 1), Action: store.ActionKeyRotate, Actor: store.AuditParty{Type: store.ServerParty}})
	if first.ID >= second.ID || second.ID >= early.ID {
		t.Errorf("the ids do not grow: %d, %d, %d", first.ID, second.ID, early.ID)
	}
	p.reopen()
	for _, c := range []struct {
		what string
		q    store.AuditQuery
		want []uint64
	}{
		{"all of a user", store.AuditQuery{Of: userParty(7)}, []uint64{late.ID, second.ID, first.ID}},
		{"of the user by another name", store.AuditQuery{Of: store.AuditParty{Type: store.UserType, ID: "7", Name: "x"}}, []uint64{late.ID, second.ID, first.ID}},
		{"by a user", store.AuditQuery{Actor: userParty(7)}, []uint64{second.ID}},
		{"to a user", store.AuditQuery{Target: userParty(7)}, []uint64{late.ID, second.ID, first.ID}},
		{"by one to another", store.AuditQuery{Actor: userParty(1), Target: userParty(7)}, []uint64{late.ID}},
		{"of a user whose id only begins so", store.AuditQuery{Of: userParty(70)}, []uint64{early.ID}},
		{"of nobody", store.AuditQuery{Of: userParty(8)}, nil},
		{"of an object with a user's id", store.AuditQuery{Of: store.AuditParty{Type: "company", ID: "7"}}, nil},
		{"one action", store.AuditQuery{Action: store.ActionSignIn}, []uint64{second.ID}},
		{"a kind of actions", store.AuditQuery{Action: "user."}, []uint64{late.ID, first.ID}},
		{"since", store.AuditQuery{Since: day, Until: day.Add(time.Hour)}, []uint64{second.ID, first.ID}},
		{"until, which is exclusive", store.AuditQuery{Until: day}, []uint64{early.ID}},
		{"a user since", store.AuditQuery{Of: userParty(7), Since: day.Add(time.Microsecond)}, []uint64{late.ID}},
		{"a user until", store.AuditQuery{Target: userParty(7), Until: day.Add(time.Hour)}, []uint64{second.ID, first.ID}},
	} {
		for _, limit := range []int{1, 2, 100} {
			if got := auditIDs(audit(p, c.q, limit)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, %d a page: %v; want %v", c.what, limit, got, c.want)
			}
		}
	}
	// What fails is not in the log, and neither is what has no time or action.
	_ = p.fails(func(tx store.WriteTx) error {
		return errors.Join(tx.PutAudit(&store.AuditRecord{Time: day, Action: "x.y"}), errors.New("no"))
	})
	_ = p.fails(func(tx store.WriteTx) error { return tx.PutAudit(&store.AuditRecord{Time: day}) })
	_ = p.fails(func(tx store.WriteTx) error { return tx.PutAudit(&store.AuditRecord{Action: "x.y"}) })
	if got := audit(p, store.AuditQuery{Action: "x."}, 10); got != nil {
		t.Errorf("what failed is in the log: %+v", got[0])
	}
}

// testAuditSearch: what is rare is found among what is not, a bounded piece at a
// time.
func testAuditSearch(t *testing.T, p *place) {
	p.update(func(tx store.WriteTx) error {
		for i := range 3000 {
			action := store.ActionSignIn
			if i == 5 {
				action = store.ActionUserDelete
			}
			if err := tx.PutAudit(&store.AuditRecord{Time: day.Add(time.Duration(i) * time.Second), Action: action, Actor: userParty(i % 10)}); err != nil {
				return err
			}
		}
		return nil
	})
	if got := audit(p, store.AuditQuery{Action: store.ActionUserDelete}, 3); len(got) != 1 || got[0].Actor != userParty(5) {
		t.Errorf("found %v", got)
	}
	if got := audit(p, store.AuditQuery{Of: userParty(3)}, 17); len(got) != 300 {
		t.Errorf("found %d of one user; want 300", len(got))
	}
}

func testAuditCounts(t *testing.T, p *place) {
	hour := day.Truncate(time.Hour)
	for _, r := range []store.AuditRecord{
		{Time: hour, Action: store.ActionSignIn},
		{Time: hour.Add(time.Hour - time.Microsecond), Action: store.ActionSignIn},
		{Time: hour, Action: store.ActionSignInFailed, Count: 40},
		{Time: hour.Add(time.Hour), Action: store.ActionSignIn},
		{Time: hour.Add(48 * time.Hour), Action: store.ActionSignIn},
	} {
		putAudit(p, &r)
	}
	_ = p.fails(func(tx store.WriteTx) error {
		return errors.Join(tx.PutAudit(&store.AuditRecord{Time: hour, Action: store.ActionSignIn}), errors.New("no"))
	})
	counts := func(from, to time.Time) []store.AuditCount {
		t.Helper()
		return must(p, func(tx store.ReadTx) ([]store.AuditCount, error) { return tx.AuditCounts(from, to) })
	}
	want := []store.AuditCount{
		{Hour: hour, Action: store.ActionSignInFailed, Count: 40}, {Hour: hour, Action: store.ActionSignIn, Count: 2},
		{Hour: hour.Add(time.Hour), Action: store.ActionSignIn, Count: 1},
	}
	if got := counts(hour.Add(time.Minute), hour.Add(48*time.Hour)); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %v; want %v", got, want)
	}
	if got := counts(hour.Add(time.Hour), hour.Add(time.Hour)); len(got) != 0 {
		t.Errorf("in no time there is %v", got)
	}
}

// testAuditPrune: what is old goes, in small pieces, from every list; the rest
// stays.
func testAuditPrune(t *testing.T, p *place) {
	hour := day.Truncate(time.Hour)
	p.update(func(tx store.WriteTx) error {
		for i := range 120 {
			r := &store.AuditRecord{Time: hour.Add(time.Duration(i) * time.Minute), Action: store.ActionSignIn, Actor: userParty(7), Target: userParty(i % 2)}
			if err := tx.PutAudit(r); err != nil {
				return err
			}
		}
		return nil
	})
	prune := func(before time.Time, limit int) (n int) {
		t.Helper()
		p.update(func(tx store.WriteTx) (err error) {
			n, err = tx.PruneAudit(before, limit)
			return err
		})
		return n
	}
	if n := prune(hour, 100); n != 0 {
		t.Errorf("%d records of before the first were removed", n)
	}
	if n := prune(hour.Add(90*time.Minute), 50); n != 50 {
		t.Errorf("removed %d; want 50", n)
	}
	if n := prune(hour.Add(90*time.Minute), 50); n != 40 {
		t.Errorf("removed %d; want 40", n)
	}
	p.reopen()
	for what, q := range map[string]store.AuditQuery{"all": {}, "of one": {Of: userParty(7)}} {
		if got := audit(p, q, 7); len(got) != 30 || !got[29].Time.Equal(hour.Add(90*time.Minute)) {
			t.Errorf("%s: %d are left; want the last 30", what, len(got))
		}
	}
	if got := audit(p, store.AuditQuery{Target: userParty(1)}, 7); len(got) != 15 {
		t.Errorf("%d are left to one; want 15", len(got))
	}
	got := must(p, func(tx store.ReadTx) ([]store.AuditCount, error) { return tx.AuditCounts(hour, hour.AddDate(1, 0, 0)) })
	if len(got) != 1 || got[0].Hour != hour.Add(time.Hour) {
		t.Errorf("the hours left are %v; want the second", got)
	}
	// A store whose commits fail keeps what it had.
	f := Fail(p.s)
	f.Always(NotDone)
	err := f.Update(t.Context(), func(tx store.WriteTx) error { _, err := tx.PruneAudit(hour.AddDate(1, 0, 0), 1000); return err })
	if !errors.Is(err, ErrFault) || len(audit(p, store.AuditQuery{}, 100)) != 30 {
		t.Errorf("a failure removed something: %v", err)
	}
}
