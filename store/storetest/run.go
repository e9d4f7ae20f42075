package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Open opens the store at a place: a new one where there is none, otherwise what
// was there when it was last closed. A place is the path of an empty directory
// of the test's own, or may serve as a name that is unique.
type Open func(t testing.TB, place string) store.Store

// Run tests everything that the contracts promise.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *place)
	}{
		{"meta", testMeta},
		{"user", testUser},
		{"user id", testUserID},
		{"user uniqueness", testUserUniqueness},
		{"names to sign in by", testSignInNames},
		{"user unique fields", testUniqueFields},
		{"user delete", testUserDelete},
		{"superuser", testSuperuser},
		{"credential", testCredential},
		{"factor", testFactor},
		{"factor passkey", testPasskey},
		{"factor code race", testTOTPRace},
		{"recovery codes", testRecoveryCodes},
		{"recovery code race", testRecoveryCodeRace},
		{"factors of a deleted user", testFactorsDeleted},
		{"object", testObject},
		{"object references", testReferences},
		{"object uniqueness", testObjectUniqueness},
		{"search for users", testSearchUsers},
		{"search page by page", testSearchPages},
		{"search follows", testSearchFollows},
		{"search for objects", testSearchObjects},
		{"search for objects by value", testSearchObjectsByValue},
		{"groups", testGroups},
		{"feed", testFeed},
		{"feed under load", testFeedUnderLoad},
		{"feed digest", testFeedDigest},
		{"sync state", testSyncState},
		{"sync state event", testSyncStateEvent},
		{"schema state", testSchemaState},
		{"schema adoption", testAdoptSchema},
		{"schema adoption again", testAdoptAgain},
		{"visit", testVisit},
		{"visit moves", testVisitMoves},
		{"client", testClient},
		{"client delete", testClientDelete},
		{"family", testFamily},
		{"a family of the client itself", testOwnFamily},
		{"token", testToken},
		{"token spend", testTokenSpend},
		{"token race", testTokenRace},
		{"ticket", testTicket},
		{"ticket race", testTicketRace},
		{"mark race", testMarkRace},
		{"session", testSession},
		{"session touch", testSessionTouch},
		{"session lists", testSessionLists},
		{"sign-in", testSignIn},
		{"logout", testLogout},
		{"logout queue", testQueueLogouts},
		{"consent", testConsent},
		{"signing key", testSigningKey},
		{"mirror", testMirror},
		{"mirror delete", testMirrorDelete},
		{"mirror digest", testMirrorDigest},
		{"mirror replace", testMirrorReplace},
		{"mirror changes", testMirrorChanges},
		{"lease", testLease},
		{"lease race", testLeaseRace},
		{"audit", testAudit},
		{"audit search", testAuditSearch},
		{"audit counts", testAuditCounts},
		{"audit prune", testAuditPrune},
		{"transaction", testTransaction},
		{"transaction isolation", testIsolation},
		{"transaction failures among successes", testMixedFailures},
		{"transaction panic", testPanic},
		{"transaction context", testContext},
		{"copies", testCopies},
		{"time", testTime},
		{"odd names", testOddNames},
		{"watch", testWatch},
		{"sweep", testSweep},
		{"sweep of what is gone", testSweepRemains},
		{"close", testClose},
		{"reopen", testReopen},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &place{t: t, path: t.TempDir(), open: open}
			p.reopen()
			t.Cleanup(func() {
				if err := p.s.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
			test.run(t, p)
		})
	}
}

// crowd is how many do the same at once.
const crowd = 64

// day is a time to start from: whole microseconds, UTC.
var day = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// place is where a store lies, and the store while it is open.
type place struct {
	t    *testing.T
	path string
	open Open
	s    store.Store
}

// reopen closes the store, if it is open, and opens it again.
func (p *place) reopen() {
	p.t.Helper()
	if p.s != nil {
		if err := p.s.Close(); err != nil {
			p.t.Fatalf("closing: %v", err)
		}
	}
	p.s = p.open(p.t, p.path)
}

// update does something that must succeed.
func (p *place) update(fn func(tx store.WriteTx) error) {
	p.t.Helper()
	if err := p.s.Update(p.t.Context(), fn); err != nil {
		p.t.Fatalf("update: %v", err)
	}
}

// fails does something that must fail, and returns its error.
func (p *place) fails(fn func(tx store.WriteTx) error) error {
	p.t.Helper()
	err := p.s.Update(p.t.Context(), fn)
	if err == nil {
		p.t.Fatal("update succeeded; it must fail")
	}
	return err
}

// view reads something that must be readable.
func (p *place) view(fn func(tx store.ReadTx) error) {
	p.t.Helper()
	if err := p.s.View(p.t.Context(), fn); err != nil {
		p.t.Fatalf("view: %v", err)
	}
}

// get reads one thing in a transaction of its own.
func get[T any](p *place, fn func(tx store.ReadTx) (T, error)) (v T, err error) {
	err = p.s.View(p.t.Context(), func(tx store.ReadTx) error {
		var err error
		v, err = fn(tx)
		return err
	})
	return v, err
}

// must is get for what is there.
func must[T any](p *place, fn func(tx store.ReadTx) (T, error)) T {
	p.t.Helper()
	v, err := get(p, fn)
	if err != nil {
		p.t.Fatalf("view: %v", err)
	}
	return v
}

// gone says that fn finds nothing.
func gone[T any](p *place, what string, fn func(tx store.ReadTx) (T, error)) {
	p.t.Helper()
	if v, err := get(p, fn); !errors.Is(err, store.ErrNotFound) {
		p.t.Errorf("%s: got %v, %v; want ErrNotFound", what, v, err)
	}
}

// conflict says that err is about that field.
func conflict(t *testing.T, err error, typ, field string) {
	t.Helper()
	var c *store.ConflictError
	if !errors.As(err, &c) {
		t.Fatalf("got %v; want a ConflictError about %s", err, field)
	}
	if c.Type != typ || c.Field != field {
		t.Errorf("the conflict is about %s %s; want %s %s", c.Type, c.Field, typ, field)
	}
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s: got %v; want ErrNotFound", what, err)
	}
}

// race has a crowd update at once and counts how each ended.
func race(p *place, fn func(i int, tx store.WriteTx) error) (errs [crowd]error) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		wg.Go(func() {
			<-start
			errs[i] = p.s.Update(context.Background(), func(tx store.WriteTx) error { return fn(i, tx) })
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneWinner says that one of the crowd succeeded and the others were told want.
func oneWinner(t *testing.T, errs [crowd]error, want error) {
	t.Helper()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
		} else if !errors.Is(err, want) {
			t.Errorf("a loser got %v; want %v", err, want)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d succeeded; want 1", winners, crowd)
	}
}

func newUser(name string) *store.User {
	return &store.User{Username: name, Email: name + "@example.com", IsActive: true, DateJoined: day}
}

func putUser(p *place, u *store.User, unique ...string) *store.User {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutUser(u, unique) })
	return u
}

func usernames(users []*store.User) []string {
	var names []string
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

func decimal(id int64) string { return strconv.FormatInt(id, 10) }

func name(prefix string, i int) string { return fmt.Sprintf("%s%03d", prefix, i) }
