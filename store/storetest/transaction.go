package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// everything writes one of each, marked by i.
func everything(i int, tx store.WriteTx) error {
	id := name("all", i)
	u := newUser(id)
	u.IsSuperuser = true
	u.Fields = store.Fields{"company": store.Ref{Type: "company", ID: 1}, "badge": id}
	if err := tx.PutUser(u, []string{"badge"}); err != nil {
		return err
	}
	o := company(id)
	return errors.Join(
		tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: id}),
		tx.PutObject(o, []string{"name"}),
		tx.PutClient(&store.Client{ID: id}),
		tx.PutFamily(newFamily(id, "wiki", u.ID)),
		tx.PutToken(newToken(store.KindCode, id, id)),
		spend(store.KindCode, id)(tx),
		tx.PutToken(newToken(store.KindAccess, id, id)),
		tx.PutTicket(newTicket("setup", id)),
		tx.MarkUsed("jti", id, day),
		tx.PutSession(newSession("server", id, id, id)),
		tx.PutConsent(&store.Consent{UserID: u.ID, ClientID: id, GrantedAt: day}),
		tx.PutSigningKey(&store.SigningKey{KID: id, CreatedAt: day, ActiveAt: day}),
		tx.PutMirrorState(id, store.MirrorState{FeedID: id}),
		tx.PutMirrorRecord(id, &store.Record{Type: "user", ID: id}),
		tx.PutSyncState(&store.SyncState{ClientID: id, Seq: 1}),
		tx.PutLease(&store.Lease{Name: id, Holder: id, ExpiresAt: day}),
	)
}

// traces lists what everything(i) left behind.
func traces(i int, tx store.WriteTx) (found []string, err error) {
	id := name("all", i)
	look := func(what string, err error) {
		if err == nil {
			found = append(found, what)
		} else if !errors.Is(err, store.ErrNotFound) {
			found = append(found, what+": "+err.Error())
		}
	}
	u, err := tx.UserByUsername(id)
	look("user", err)
	if u != nil {
		_, err = tx.Credential(u.ID)
		look("credential", err)
		_, err = tx.Consent(u.ID, id)
		look("consent", err)
		_, err = tx.Object(store.Ref{Type: "company", ID: u.ID})
		look("object", err)
	}
	_, err = tx.UserByEmail(id + "@example.com")
	look("email", err)
	_, err = tx.Client(id)
	look("client", err)
	_, err = tx.Family(id)
	look("family", err)
	_, err = tx.Token(store.KindAccess, store.HashOf(id))
	look("token", err)
	if err := spend(store.KindCode, id)(tx); errors.Is(err, store.ErrSpent) {
		found = append(found, "spent code")
	}
	_, err = tx.Ticket("setup", store.HashOf(id))
	look("ticket", err)
	_, err = tx.Session("server", store.HashOf(id))
	look("session", err)
	if list, err := tx.SessionsOf("server", id); err != nil || len(list) > 0 {
		found = append(found, "session by subject")
	}
	if list, err := tx.SessionsBySID("server", id); err != nil || len(list) > 0 {
		found = append(found, "session by sid")
	}
	_, err = tx.MirrorRecord(id, "user", id)
	look("mirror record", err)
	if s, err := tx.MirrorState(id); err != nil || s.FeedID != "" {
		found = append(found, "mirror state")
	}
	// A lease may end with the process.
	if s, err := tx.SyncState(id); err != nil || s.Seq != 0 {
		found = append(found, "sync state")
	}
	return found, nil
}

const tracesOfAll = 16

func countTraces(p *place, i int) (found []string) {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error {
		var err error
		found, err = traces(i, tx)
		return err
	})
	return found
}

func testTransaction(t *testing.T, p *place) {
	p.update(func(tx store.WriteTx) error { return everything(0, tx) })
	if got := countTraces(p, 0); len(got) != tracesOfAll {
		t.Fatalf("after a success there are only %v", got)
	}
	head := must(p, store.ReadTx.Feed).Head
	err := p.fails(func(tx store.WriteTx) error {
		if err := everything(1, tx); err != nil {
			return err
		}
		// What was written is read within the transaction.
		if _, err := tx.UserByEmail("all001@example.com"); err != nil {
			t.Errorf("a transaction does not see its own write: %v", err)
		}
		if err := tx.DeleteUser(1); err != nil {
			t.Error(err)
		}
		if err := tx.DeleteClient("all000"); err != nil {
			t.Error(err)
		}
		if _, err := tx.DeleteSessionsOf("server", "all000", store.Hash{}); err != nil {
			t.Error(err)
		}
		if err := tx.DeleteMirror("all000"); err != nil {
			t.Error(err)
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("Update returned %v; want the function's error", err)
	}
	if got := countTraces(p, 1); len(got) != 0 {
		t.Errorf("a failed transaction left %v", got)
	}
	if got := countTraces(p, 0); len(got) != tracesOfAll {
		t.Errorf("a failed transaction took away: only %v are left", got)
	}
	if got := must(p, store.ReadTx.Feed).Head; got != head {
		t.Errorf("a failed transaction moved the feed from %d to %d", head, got)
	}
	p.update(func(tx store.WriteTx) error { return nil })
	if err := p.s.View(t.Context(), func(store.ReadTx) error { return errRefused }); !errors.Is(err, errRefused) {
		t.Errorf("View returned %v", err)
	}
}

// testMixedFailures has half of a crowd fail after it wrote: the other half must
// be whole, and nothing be left of the first.
func testMixedFailures(t *testing.T, p *place) {
	errs := race(p, func(i int, tx store.WriteTx) error {
		if err := everything(i, tx); err != nil {
			return err
		}
		if i%2 == 1 {
			return fmt.Errorf("%d: %w", i, errRefused)
		}
		return nil
	})
	p.reopen()
	for i, err := range errs {
		got := countTraces(p, i)
		switch {
		case i%2 == 1:
			if !errors.Is(err, errRefused) || !strings.HasPrefix(err.Error(), strconv.Itoa(i)) {
				t.Errorf("%d got %v; want its own error", i, err)
			}
			if len(got) != 0 {
				t.Errorf("%d failed and left %v", i, got)
			}
		case err != nil:
			t.Errorf("%d: %v", i, err)
		case len(got) != tracesOfAll:
			t.Errorf("%d succeeded and left only %v", i, got)
		}
	}
	rows := must(p, func(tx store.ReadTx) ([]store.Change, error) { return tx.Changes(0, 1000) })
	for i, row := range rows {
		if row.Seq != uint64(i+1) {
			t.Fatalf("row %d of the feed has seq %d: a failure took one", i, row.Seq)
		}
	}
	if len(rows) != crowd {
		t.Errorf("%d rows in the feed; want %d", len(rows), crowd)
	}
}

// testIsolation moves a sum between two records while others read both.
func testIsolation(t *testing.T, p *place) {
	const total = 100
	putRecord(p, "bank", &store.Record{Type: "account", ID: "a", Fields: store.Fields{"n": int64(total)}})
	putRecord(p, "bank", &store.Record{Type: "account", ID: "b", Fields: store.Fields{"n": int64(0)}})
	balance := func(tx store.ReadTx, id string) (int64, error) {
		r, err := tx.MirrorRecord("bank", "account", id)
		if err != nil {
			return 0, err
		}
		return r.Fields["n"].(int64), nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				err := p.s.View(context.Background(), func(tx store.ReadTx) error {
					a, errA := balance(tx, "a")
					b, errB := balance(tx, "b")
					if a+b != total {
						t.Errorf("a reader saw %d and %d", a, b)
					}
					return errors.Join(errA, errB)
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, err := range race(p, func(i int, tx store.WriteTx) error {
		a, errA := balance(tx, "a")
		b, errB := balance(tx, "b")
		return errors.Join(errA, errB,
			tx.PutMirrorRecord("bank", &store.Record{Type: "account", ID: "a", Fields: store.Fields{"n": a - 1}}),
			tx.PutMirrorRecord("bank", &store.Record{Type: "account", ID: "b", Fields: store.Fields{"n": b + 1}}))
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	cancel()
	readers.Wait()
	p.view(func(tx store.ReadTx) error {
		a, err := balance(tx, "a")
		if a != total-crowd {
			t.Errorf("%d moved one each, and %d is left of %d: a write was lost", crowd, a, total)
		}
		return err
	})
	// A reader keeps the state it began with, and does not hold up writers.
	p.view(func(tx store.ReadTx) error {
		before, err := balance(tx, "a")
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() {
			done <- p.s.Update(context.Background(), func(tx store.WriteTx) error {
				return tx.PutMirrorRecord("bank", &store.Record{Type: "account", ID: "a", Fields: store.Fields{"n": int64(0)}})
			})
		}()
		if err := <-done; err != nil {
			return err
		}
		after, err := balance(tx, "a")
		if after != before {
			t.Errorf("a reader saw %d, then %d", before, after)
		}
		return err
	})
}

// testPanic: a function that panics, or ends its goroutine, takes nobody along.
func testPanic(t *testing.T, p *place) {
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			defer func() {
				if r := recover(); (r != nil) != (i%8 == 1) {
					t.Errorf("%d recovered %v", i, r)
				}
			}()
			err := p.s.Update(context.Background(), func(tx store.WriteTx) error {
				if err := tx.PutClient(&store.Client{ID: name("c", i)}); err != nil {
					return err
				}
				if i%8 == 1 {
					panic("on purpose")
				}
				return nil
			})
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Client, error) { return tx.Clients("", 1000) })); n != crowd-crowd/8 {
		t.Errorf("%d clients; want %d", n, crowd-crowd/8)
	}
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "after"}) })
	func() {
		defer func() { _ = recover() }()
		_ = p.s.View(t.Context(), func(store.ReadTx) error { panic("on purpose") })
	}()
	p.view(func(tx store.ReadTx) error { _, err := tx.Client("after"); return err })
}

func testContext(t *testing.T, p *place) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := p.s.Update(ctx, func(store.WriteTx) error {
		t.Error("the function was called although the context had ended")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update returned %v", err)
	}
	// A context that ends meanwhile does not tear an update apart.
	ctx, cancel = context.WithCancel(context.Background())
	err = p.s.Update(ctx, func(tx store.WriteTx) error {
		cancel()
		return tx.PutClient(&store.Client{ID: "c"})
	})
	_, found := get(p, func(tx store.ReadTx) (*store.Client, error) { return tx.Client("c") })
	if err == nil && found != nil {
		t.Error("Update returned nil, and nothing is written")
	}
	// Some of a crowd give up; the others are served.
	var wg sync.WaitGroup
	for i := range crowd {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if i%2 == 1 {
			cancel()
		}
		wg.Go(func() {
			err := p.s.Update(ctx, func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: name("c", i)}) })
			if (err == nil) == (i%2 == 1) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// testCopies changes what was given and what was handed out.
func testCopies(t *testing.T, p *place) {
	u := newUser("u")
	u.Groups, u.Fields = []string{"a"}, store.Fields{"list": []string{"x"}}
	c := &store.Client{ID: "c", Secrets: []store.ClientSecret{{Sealed: []byte{1}}}, ClientSettings: store.ClientSettings{RedirectURIs: []string{"https://a"}}}
	s := newSession("server", "s", "7", "sid")
	r := &store.Record{Type: "user", ID: "1", Fields: store.Fields{"groups": []string{"a"}}}
	f := newFamily("f", "c", 7)
	p.update(func(tx store.WriteTx) error {
		err := errors.Join(tx.PutUser(u, nil), tx.PutClient(c), tx.PutSession(s), tx.PutMirrorRecord("m", r), tx.PutFamily(f))
		u.Groups[0], u.Fields["list"].([]string)[0] = "b", "y"
		c.RedirectURIs[0], c.Secrets[0].Sealed[0] = "https://b", 2
		s.Subject = "8"
		r.Fields["groups"].([]string)[0] = "b"
		f.Scopes[0] = "z"
		return err
	})
	for range 2 {
		p.view(func(tx store.ReadTx) error {
			u, errU := tx.User(u.ID)
			c, errC := tx.Client("c")
			s, errS := tx.Session("server", store.HashOf("s"))
			r, errR := tx.MirrorRecord("m", "user", "1")
			f, errF := tx.Family("f")
			if err := errors.Join(errU, errC, errS, errR, errF); err != nil {
				return err
			}
			got := []any{u.Groups[0], u.Fields["list"].([]string)[0], c.RedirectURIs[0], c.Secrets[0].Sealed[0], s.Subject, r.Fields["groups"].([]string)[0], f.Scopes[0]}
			want := []any{"a", "x", "https://a", byte(1), "7", "a", "openid"}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("a copy was shared: %v; want %v", got, want)
			}
			u.Groups[0], u.Fields["list"].([]string)[0] = "c", "z"
			c.RedirectURIs[0], c.Secrets[0].Sealed[0] = "https://c", 3
			r.Fields["groups"].([]string)[0] = "c"
			f.Scopes[0] = "c"
			return nil
		})
	}
}

// testTime: times are kept in UTC and to the microsecond.
func testTime(t *testing.T, p *place) {
	odd := time.Date(2026, 11, 23, 18, 30, 0, 123456789, time.FixedZone("X", 3600))
	want := time.Date(2026, 11, 23, 17, 30, 0, 123456000, time.UTC)
	s := newSession("server", "s", "7", "sid")
	s.CreatedAt, s.LastSeen, s.ExpiresAt, s.IdleExpiresAt = odd, odd, odd, odd
	putSession(p, s)
	u := newUser("u")
	u.DateJoined, u.LastLogin = odd, odd
	putUser(p, u)
	gotS := must(p, readSession("server", "s"))
	gotU := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.User(u.ID) })
	for _, got := range []time.Time{gotS.CreatedAt, gotS.LastSeen, gotS.ExpiresAt, gotS.IdleExpiresAt, gotU.DateJoined, gotU.LastLogin} {
		if got != want {
			t.Errorf("%v is kept as %v; want %v", odd, got, want)
		}
	}
	never := putUser(p, newUser("never"))
	if got := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.User(never.ID) }); !got.LastLogin.IsZero() {
		t.Errorf("no time is kept as %v", got.LastLogin)
	}
}

// testOddNames: names that strangers choose (a foreign sub, a jti) cannot pass
// for one another, however they are put together, and long ones do no harm.
func testOddNames(t *testing.T, p *place) {
	odd := []string{"a", "a/b", "a\x01b", "\x01a", "a:b", "ä", "日本", "'; --", "%", "\\", strings.Repeat("x", 255), "\x7f", "A"}
	for i, realm := range odd {
		for j, subject := range odd {
			s := newSession(realm, fmt.Sprint("s", i, " ", j), subject, subject)
			putSession(p, s)
		}
	}
	for i, realm := range odd {
		for j, subject := range odd {
			got := must(p, func(tx store.ReadTx) ([]*store.Session, error) { return tx.SessionsOf(realm, subject) })
			if len(got) != 1 || got[0].Hash != store.HashOf(fmt.Sprint("s", i, " ", j)) {
				t.Fatalf("the sessions of %q in %q are %d", subject, realm, len(got))
			}
		}
	}
	for _, id := range odd {
		p.update(func(tx store.WriteTx) error { return tx.MarkUsed("jti", id, day) })
		putRecord(p, "wiki", &store.Record{Type: "user", ID: id})
	}
	for _, id := range odd {
		if got := must(p, readRecord("wiki", "user", id)); got.ID != id {
			t.Errorf("record %q is %q", id, got.ID)
		}
	}
	// What cannot be kept unchanged is refused, not bent.
	for _, id := range []string{"", "a\x00b", "a\xff", strings.Repeat("x", 1<<20)} {
		what := fmt.Sprintf("%.10q", id)
		if err := p.s.Update(t.Context(), func(tx store.WriteTx) error { return tx.MarkUsed("jti", id, day) }); err == nil {
			t.Errorf("a mark with the id %s was taken", what)
		}
		if err := p.s.Update(t.Context(), func(tx store.WriteTx) error {
			return tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: id})
		}); err == nil {
			t.Errorf("a record with the id %s was taken", what)
		}
		if err := p.s.Update(t.Context(), func(tx store.WriteTx) error { return tx.PutSession(newSession("wiki", "x", id, "")) }); err == nil {
			t.Errorf("a session of the subject %s was taken", what)
		}
		_, _ = get(p, readRecord("wiki", "user", id)) // reading may say what it likes, but must not crash
		_, _ = get(p, func(tx store.ReadTx) ([]*store.Session, error) { return tx.SessionsOf("wiki", id) })
	}
}
