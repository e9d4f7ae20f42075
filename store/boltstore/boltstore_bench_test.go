package boltstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// benchUsers is how many users are in the file that the benchmarks share.
const benchUsers = 1_000_000

// benchSessions is how many of them have a session from the beginning.
const benchSessions = 100_000

var benchDay = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// BenchmarkMillion measures a store of a million users, each with a company, a
// session and a password. Every update is on the disk before it counts.
//
//	go test -run '^$' -bench Million -benchtime 5s ./store/boltstore
//
// With BOLTSTORE_BENCH_DIR set to a directory, the file stays there for the next
// run. "disk" is what the disk allows at that moment to a database without a log:
// some pages here and there, a sync, the page that makes them count, a sync.
// cpu-us/op is the processor's time of an update, with all that the system does for
// it, and with moving what was logged to the database; it says what the rate can be
// where the disk does not bound it, also on a machine that is busy with other
// things. With a benchtime of 10s and more the log goes round many times, and the
// rate is the one that lasts.
func BenchmarkMillion(b *testing.B) {
	dir := os.Getenv("BOLTSTORE_BENCH_DIR")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "boltstore-bench"); err != nil {
			b.Fatal(err)
		}
		defer os.RemoveAll(dir)
	}
	path := filepath.Join(dir, "auth.db")
	start := time.Now()
	s := benchOpen(b, path)
	defer func() { s.Close() }()
	var users []*store.User
	err := s.View(context.Background(), func(tx store.ReadTx) (err error) {
		users, err = tx.Users(0, 1)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(users) == 0 {
		benchFill(b, s)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d users: %.0f MB in %v", benchUsers, float64(info.Size())/1e6, time.Since(start).Round(time.Second))

	for _, pages := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("disk/pages=%d", pages), func(b *testing.B) { benchDisk(b, dir, pages) })
	}

	var n atomic.Int64
	n.Store(time.Now().UnixNano()) // a file that stays has the names of earlier runs
	updates := []struct {
		name string
		// prepare makes what the measured updates use up.
		prepare func(tx store.WriteTx, i int64) error
		update  func(tx store.WriteTx, i int64) error
	}{
		{name: "session", update: func(tx store.WriteTx, i int64) error {
			return tx.PutSession(benchSession("s", i))
		}},
		{name: "login", prepare: func(tx store.WriteTx, i int64) error {
			f := benchFamily(i)
			if err := tx.PutFamily(f); err != nil {
				return err
			}
			return tx.PutToken(benchToken(store.KindCode, i, f.ID, time.Minute))
		}, update: func(tx store.WriteTx, i int64) error {
			code, err := tx.SpendToken(store.KindCode, benchHash("code", i))
			if err != nil {
				return err
			}
			if err := tx.PutToken(benchToken(store.KindAccess, i, code.Family, 10*time.Minute)); err != nil {
				return err
			}
			return tx.PutToken(benchToken(store.KindRefresh, i, code.Family, 30*24*time.Hour))
		}},
		{name: "user", update: func(tx store.WriteTx, i int64) error {
			u, err := tx.User(1 + rand.Int64N(benchUsers))
			if err != nil {
				return err
			}
			u.LastLogin = benchDay.Add(time.Duration(i) * time.Second)
			return store.SaveUser(tx, store.DefaultSchema(), u)
		}},
	}
	for _, u := range updates {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("update=%s/writers=%d", u.name, writers), func(b *testing.B) {
				base := n.Add(int64(b.N)) - int64(b.N)
				if u.prepare != nil {
					benchBulk(b, s, int64(b.N), func(tx store.WriteTx, i int64) error { return u.prepare(tx, base+i) })
				}
				next := base - 1
				do := func() {
					i := atomic.AddInt64(&next, 1)
					if err := s.Update(context.Background(), func(tx store.WriteTx) error { return u.update(tx, i) }); err != nil {
						b.Error(err)
					}
				}
				b.ReportAllocs()
				cpu, commits := cpuTime(), s.Commits()
				b.ResetTimer()
				if writers == 1 {
					for range b.N {
						do()
					}
				} else {
					b.SetParallelism(writers / runtime.GOMAXPROCS(0))
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							do()
						}
					})
				}
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
				b.ReportMetric(float64(b.N)/float64(s.Commits()-commits), "updates/commit")
				if cpu >= 0 {
					b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
				}
			})
		}
	}
	b.Run("view=session+user", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i := rand.Int64N(benchSessions)
			err := s.View(context.Background(), func(tx store.ReadTx) error {
				if _, err := tx.Session("server", benchHash("session", i)); err != nil {
					return err
				}
				_, err := tx.User(i + 1)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reopen", func(b *testing.B) {
		for b.Loop() {
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			s = benchOpen(b, path)
		}
	})
}

// benchDisk commits pages as a database does that knows exactly which.
func benchDisk(b *testing.B, dir string, pages int) {
	f, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const all = 32 << 10
	page := bytes.Repeat([]byte{1}, 4096)
	if _, err := f.Write(bytes.Repeat(page, all)); err != nil {
		b.Fatal(err)
	}
	commit := func(at []int) {
		slices.Sort(at)
		for _, p := range at {
			if _, err := f.WriteAt(page, int64(p)*int64(len(page))); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	commit(nil)
	cpu := cpuTime()
	b.ResetTimer()
	for range b.N {
		at := make([]int, pages)
		for i := range at {
			at[i] = rand.IntN(all)
		}
		commit(at)
		commit([]int{0})
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	if cpu >= 0 {
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
	}
}

func benchOpen(b *testing.B, path string) *boltstore.Store {
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func benchFill(b *testing.B, s *boltstore.Store) {
	const companies = 1000
	benchBulk(b, s, companies, func(tx store.WriteTx, i int64) error {
		return tx.PutObject(&store.Object{Type: "company", Fields: store.Fields{
			"name": fmt.Sprintf("Company %d", i), "primary_activity": "Buyer",
		}}, nil)
	})
	benchBulk(b, s, benchUsers, func(tx store.WriteTx, i int64) error {
		u := &store.User{
			Username: fmt.Sprintf("user%07d", i), Email: fmt.Sprintf("user%07d@example.com", i), EmailVerified: true,
			FirstName: "First", LastName: "Last", Groups: []string{"staff", "editors"}, IsActive: true, DateJoined: benchDay,
			Fields: store.Fields{"company": store.Ref{Type: "company", ID: 1 + i%companies}},
		}
		if err := tx.PutUser(u, nil); err != nil {
			return err
		}
		return tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: "$argon2id$v=19$m=47104,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", PasswordChangedAt: benchDay})
	})
	benchBulk(b, s, benchSessions, func(tx store.WriteTx, i int64) error { return tx.PutSession(benchSession("session", i)) })
}

// benchBulk does something n times, many in one update.
func benchBulk(b *testing.B, s *boltstore.Store, n int64, do func(tx store.WriteTx, i int64) error) {
	const many = 50_000
	for from := int64(0); from < n; from += many {
		err := s.Update(context.Background(), func(tx store.WriteTx) error {
			for i := from; i < min(from+many, n); i++ {
				if err := do(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchHash(kind string, i int64) store.Hash {
	return sha256.Sum256(strconv.AppendInt(append(append(make([]byte, 0, 64), kind...), ' '), i, 10))
}

// benchName is a random name, as sids and families have.
func benchName(kind string, i int64) string {
	h := benchHash(kind, i)
	return fmt.Sprintf("%x", h[:16])
}

// benchTime is when the i-th thing began: what begins later expires later.
func benchTime(i int64) time.Time { return benchDay.Add(time.Duration(i%1e12) * time.Microsecond) }

func benchSession(kind string, i int64) *store.Session {
	now := benchTime(i)
	return &store.Session{
		Realm: store.ServerRealm, Hash: benchHash(kind, i), Subject: fmt.Sprint(1 + i%benchUsers), SID: benchName("sid", i),
		CreatedAt: now, AuthTime: now, LastSeen: now,
		IdleExpiresAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(30 * 24 * time.Hour),
		IP: "192.0.2.1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
}

func benchFamily(i int64) *store.Family {
	return &store.Family{
		ID: benchName("family", i), ClientID: "wiki", UserID: 1 + i%benchUsers, Scopes: []string{"openid", "profile", "email"},
		SID: "0123456789abcdef", AuthTime: benchDay, CreatedAt: benchDay, ExpiresAt: benchTime(i).Add(30 * 24 * time.Hour),
	}
}

func benchToken(kind store.TokenKind, i int64, family string, life time.Duration) *store.Token {
	return &store.Token{Kind: kind, Hash: benchHash(string(kind), i), Family: family, CreatedAt: benchDay, ExpiresAt: benchTime(i).Add(life)}
}
