package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// sweepAll sweeps until nothing is left to sweep.
func (p *place) sweepAll(now time.Time) (total int) {
	p.t.Helper()
	for calls := 0; ; calls++ {
		n, err := p.s.Sweep(p.t.Context(), now, 50)
		if err != nil {
			p.t.Fatalf("sweep: %v", err)
		}
		if n > 50 {
			p.t.Fatalf("a sweep of at most 50 removed %d", n)
		}
		if n == 0 {
			return total
		}
		if total += n; calls > 1000 {
			p.t.Fatal("sweeping does not end")
		}
	}
}

func testSweep(t *testing.T, p *place) {
	if n := p.sweepAll(day.AddDate(100, 0, 0)); n != 0 {
		t.Errorf("a new store had %d to sweep", n)
	}
	putFamily(p, newFamily("lasting", "wiki", 7))
	end := func(i int) time.Time { return day.Add(time.Duration(i) * time.Minute) }
	p.update(func(tx store.WriteTx) error {
		for i := range 100 {
			s := newSession("server", name("s", i), "7", "sid")
			s.ExpiresAt, s.IdleExpiresAt = end(i), day.AddDate(1, 0, 0)
			idle := newSession("wiki", name("s", i), "7", "sid")
			idle.ExpiresAt, idle.IdleExpiresAt = day.AddDate(1, 0, 0), end(i)
			f := newFamily(name("f", i), "wiki", 7)
			f.ExpiresAt = end(i)
			tok := newToken(store.KindAccess, name("t", i), "lasting")
			tok.ExpiresAt = end(i)
			k := newTicket("setup", name("k", i))
			k.ExpiresAt = end(i)
			if err := errors.Join(tx.PutSession(s), tx.PutSession(idle), tx.PutFamily(f), tx.PutToken(tok), tx.PutTicket(k),
				tx.MarkUsed("jti", name("m", i), end(i))); err != nil {
				return err
			}
		}
		return nil
	})
	// count says how many of the hundred are there, by where they must stop.
	count := func(now time.Time) {
		t.Helper()
		for i := range 100 {
			want := !end(i).Before(now)
			for what, read := range map[string]func(store.ReadTx) error{
				"session":      func(tx store.ReadTx) error { _, err := tx.Session("server", store.HashOf(name("s", i))); return err },
				"idle session": func(tx store.ReadTx) error { _, err := tx.Session("wiki", store.HashOf(name("s", i))); return err },
				"family":       func(tx store.ReadTx) error { _, err := tx.Family(name("f", i)); return err },
				"token": func(tx store.ReadTx) error {
					_, err := tx.Token(store.KindAccess, store.HashOf(name("t", i)))
					return err
				},
				"ticket": func(tx store.ReadTx) error { _, err := tx.Ticket("setup", store.HashOf(name("k", i))); return err },
			} {
				if err := p.s.View(t.Context(), read); (err == nil) != want {
					t.Errorf("%s %d: %v", what, i, err)
				}
			}
		}
	}
	now := day.Add(49*time.Minute + 30*time.Second)
	if n, err := p.s.Sweep(t.Context(), now, 7); err != nil || n != 7 {
		t.Errorf("a sweep of at most 7 removed %d, %v", n, err)
	}
	if n := p.sweepAll(now); n != 300-7 {
		t.Errorf("swept %d; want %d", n, 300-7)
	}
	count(now)
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Session, error) { return tx.SessionsOf("server", "7") })); n != 50 {
		t.Errorf("%d sessions are listed; want 50", n)
	}
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Family, error) { return tx.Families(7) })); n != 51 {
		t.Errorf("%d families are listed; want 51", n)
	}
	for _, i := range []int{10, 90} {
		err := p.s.Update(t.Context(), func(tx store.WriteTx) error { return tx.MarkUsed("jti", name("m", i), end(i)) })
		if errors.Is(err, store.ErrSpent) != (i == 90) {
			t.Errorf("mark %d: %v", i, err)
		}
	}
	p.reopen()
	p.sweepAll(day.Add(24 * time.Hour))
	count(day.Add(24 * time.Hour))
	must(p, func(tx store.ReadTx) (*store.Family, error) { return tx.Family("lasting") })

	// What is touched or replaced lives as long as it now says.
	s := putSession(p, newSession("server", "touched", "7", ""))
	p.update(func(tx store.WriteTx) error {
		return tx.TouchSession("server", s.Hash, day, day.Add(3*time.Hour))
	})
	p.sweepAll(day.Add(2 * time.Hour))
	must(p, readSession("server", "touched"))
	s.IdleExpiresAt = day.Add(10 * time.Minute)
	putSession(p, s)
	p.sweepAll(day.Add(20 * time.Minute))
	gone(p, "a session whose end was moved forward", readSession("server", "touched"))
}

// testSweepRemains: what a deletion leaves for later is gone from sight at once,
// and is swept without touching what came after it.
func testSweepRemains(t *testing.T, p *place) {
	fill := func(family string) {
		t.Helper()
		putFamily(p, newFamily(family, "wiki", 7))
		p.update(func(tx store.WriteTx) error {
			for i := range 120 {
				if err := tx.PutToken(newToken(store.KindRefresh, name(family, i), family)); err != nil {
					return err
				}
				if i%2 == 0 {
					if err := spend(store.KindRefresh, name(family, i))(tx); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	fill("f")
	p.update(func(tx store.WriteTx) error { return tx.DeleteFamily("f") })
	dead := func(when string) {
		t.Helper()
		for i := range 120 {
			gone(p, when, readToken(store.KindRefresh, name("f", i)))
			notFound(t, when, p.fails(spend(store.KindRefresh, name("f", i))))
		}
	}
	dead("deleted")
	if _, err := p.s.Sweep(t.Context(), day, 10); err != nil {
		t.Fatal(err)
	}
	dead("swept in part")
	// A family of that id that comes meanwhile is another.
	putFamily(p, newFamily("f", "wiki", 7))
	dead("begun anew")
	putToken(p, newToken(store.KindRefresh, "fresh", "f"))
	putToken(p, newToken(store.KindRefresh, name("f", 3), "f"))
	p.sweepAll(day)
	must(p, readToken(store.KindRefresh, "fresh"))
	must(p, readToken(store.KindRefresh, name("f", 3)))
	// A family that expires takes all with it.
	fill("g")
	later := day.AddDate(0, 0, 31)
	if n := p.sweepAll(later); n == 0 {
		t.Error("nothing was swept")
	}
	gone(p, "an expired family", func(tx store.ReadTx) (*store.Family, error) { return tx.Family("g") })
	notFound(t, "spending in an expired family", p.fails(spend(store.KindRefresh, name("g", 0))))
	if n := p.sweepAll(later); n != 0 {
		t.Errorf("%d were left after everything was swept", n)
	}
}

func testClose(t *testing.T, p *place) {
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "c"}) })
	stop := p.s.Watch(func(store.Event) {})
	// Updates under way are finished or refused; none is lost or left hanging.
	var wg sync.WaitGroup
	var errs [crowd]error
	for i := range crowd {
		wg.Go(func() {
			errs[i] = p.s.Update(t.Context(), func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: name("c", i)}) })
		})
	}
	if err := p.s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	stop()
	if err := p.s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := p.s.View(t.Context(), func(store.ReadTx) error { t.Error("called"); return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View of a closed store: %v", err)
	}
	if err := p.s.Update(t.Context(), func(store.WriteTx) error { t.Error("called"); return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update of a closed store: %v", err)
	}
	if _, err := p.s.Sweep(t.Context(), day, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Sweep of a closed store: %v", err)
	}
	p.reopen()
	for i, err := range errs {
		_, found := get(p, func(tx store.ReadTx) (*store.Client, error) { return tx.Client(name("c", i)) })
		if err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
		if (err == nil) != (found == nil) {
			t.Errorf("%d was told %v, and after a restart: %v", i, err, found)
		}
	}
}

func testReopen(t *testing.T, p *place) {
	p.update(func(tx store.WriteTx) error { return everything(0, tx) })
	before := must(p, store.ReadTx.Meta)
	for range 3 {
		p.reopen()
		if got := countTraces(p, 0); len(got) != tracesOfAll {
			t.Errorf("after a restart there are only %v", got)
		}
		if got := must(p, store.ReadTx.Meta); got.InstallationID != before.InstallationID {
			t.Errorf("the installation was %s and is %s", before.InstallationID, got.InstallationID)
		}
	}
}
