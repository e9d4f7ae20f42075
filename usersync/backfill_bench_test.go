package usersync

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// crowd makes n users as there are, one company for every hundred of them.
func crowd(t testing.TB, s store.Store, n int) {
	t.Helper()
	const page = 10_000
	for from := 0; from < n; from += page {
		update(t, s, func(tx store.WriteTx) error {
			for i := from; i < min(from+page, n); i++ {
				if i%100 == 0 {
					if err := tx.PutObject(&store.Object{Type: "company", Fields: store.Fields{"name": fmt.Sprint("Company ", i/100+1), "primary_activity": "Buyer"}}, nil); err != nil {
						return err
					}
				}
				name := fmt.Sprint("user", i+1)
				if err := tx.PutUser(&store.User{
					Username: name, Email: name + "@example.com", EmailVerified: true, FirstName: "User", LastName: fmt.Sprint("Number ", i+1),
					Groups: []string{"staff", "wiki"}, IsActive: true, DateJoined: day, LastLogin: day,
					Fields: store.Fields{"company": store.Ref{Type: "company", ID: int64(i/100 + 1)}},
				}, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// BenchmarkBackfill is what filling a mirror costs, without the network between.
func BenchmarkBackfill(b *testing.B) {
	s := openStore(b)
	crowd(b, s, 50_000)
	k := key(b)
	for b.Loop() {
		m := newMirror(b, openStore(b))
		var p Position
		var read, sign, verify, apply time.Duration
		for {
			t0 := time.Now()
			batch := next(b, s, p)
			batch.Issuer, batch.Audience = issuer, "wiki"
			t1 := time.Now()
			token, err := Sign(batch, k, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			t2 := time.Now()
			batch, err = m.Verify(token)
			if err != nil {
				b.Fatal(err)
			}
			t3 := time.Now()
			if p, _, err = m.Apply(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			t4 := time.Now()
			read, sign, verify, apply = read+t1.Sub(t0), sign+t2.Sub(t1), verify+t3.Sub(t2), apply+t4.Sub(t3)
			if p.Upto == batch.Head {
				break
			}
		}
		n := float64(50_500)
		for name, d := range map[string]time.Duration{"read": read, "sign": sign, "verify": verify, "apply": apply} {
			b.ReportMetric(float64(d.Nanoseconds())/n, name+"-ns/change")
		}
	}
}
