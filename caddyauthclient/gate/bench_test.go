package gate

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// benchGate has n people, each with a session, and their cookies.
func benchGate(b *testing.B, n int) (*Gate, []string) {
	s := openStore(b)
	now := time.Now().UTC()
	cookies := make([]string, n)
	const batch = 5000
	for at := 0; at < n; at += batch {
		err := s.Update(context.Background(), func(tx store.WriteTx) error {
			for i := at; i < min(n, at+batch); i++ {
				secret := store.NewSecret()
				cookies[i] = secret
				u := &store.User{
					ID: int64(i + 1), Version: uint64(i + 1), Username: fmt.Sprintf("user%d", i), Email: fmt.Sprintf("user%d@example.com", i),
					FirstName: "First", LastName: fmt.Sprintf("Last%d", i), Groups: []string{"dev", "staff"}, IsActive: true,
					DateJoined: now, Fields: store.Fields{"company": store.Ref{Type: "company", ID: int64(i%100 + 1)}},
				}
				if err := tx.PutMirrorRecord("wiki", u.Record()); err != nil {
					return err
				}
				if i < 100 {
					o := &store.Object{Type: "company", ID: int64(i + 1), Version: 1, Fields: store.Fields{"name": fmt.Sprintf("Company %d", i), "primary_activity": "Buyer"}}
					if err := tx.PutMirrorRecord("wiki", o.Record()); err != nil {
						return err
					}
				}
				if err := tx.PutSession(&store.Session{
					Realm: "wiki", Hash: store.HashOf(secret), Subject: fmt.Sprint(i + 1), CreatedAt: now, LastSeen: now,
					IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour),
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	g, err := New(Config{
		Name: "wiki", Issuer: testIssuer, ClientID: testClient, ClientSecret: testSecret,
		Origins: []string{"https://wiki.example.com"}, Store: s, Key: [32]byte{1}, Transport: newFakeIssuer(b),
		Public: []string{"/public/*"}, Allow: []Rule{{Groups: []string{"staff"}}, {Paths: []string{"/admin/*"}, Groups: []string{"admin"}}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(g.Close)
	return g, cookies
}

func benchHeader() http.Header {
	return http.Header{
		"User-Agent":      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"},
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en-GB,en;q=0.9"}, "Accept-Encoding": {"gzip, br"},
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		"Connection": {"keep-alive"},
	}
}

// BenchmarkRequest is what a signed-in request costs: CleanHeaders, Decide,
// Begin, Apply and End, the people at random.
func BenchmarkRequest(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			g, cookies := benchGate(b, n)
			r := httptest.NewRequest("GET", "https://wiki.example.com/page?a=1", nil)
			r.Header = benchHeader()
			lines := make([][]string, n)
			for i, c := range cookies {
				lines[i] = []string{"__Host-caddyito-wiki=" + c}
			}
			runtime.GC()
			runtime.GC() // what pools held goes with the second
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range lines { // every one once, so that all are in memory
				r.Header["Cookie"] = lines[i]
				if d := g.Decide(r); d.Verdict != Pass {
					b.Fatal(d.Verdict)
				}
			}
			runtime.GC()
			runtime.GC() // what pools held goes with the second
			runtime.ReadMemStats(&after)
			header := r.Header
			w := http.Header{}
			b.ReportAllocs()
			for b.Loop() {
				header["Cookie"] = lines[rand.IntN(n)]
				g.CleanHeaders(r)
				d := g.Decide(r)
				if d.Verdict != Pass {
					b.Fatal(d.Verdict)
				}
				clear(w)
				passage, _ := g.Begin(headerOnly{w}, r, &d)
				g.Apply(r, d)
				passage.WriteHeader(200)
				passage.End()
			}
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "B/session")
		})
	}
}

type headerOnly struct{ h http.Header }

func (w headerOnly) Header() http.Header         { return w.h }
func (w headerOnly) Write(p []byte) (int, error) { return len(p), nil }
func (w headerOnly) WriteHeader(int)             {}

// BenchmarkStranger is the 302 to the issuer.
func BenchmarkStranger(b *testing.B) {
	g, _ := benchGate(b, 1)
	r := httptest.NewRequest("GET", "https://wiki.example.com/page?a=1", nil)
	r.Header = benchHeader()
	r.TLS = httptest.NewRequest("GET", "https://x/", nil).TLS
	b.ReportAllocs()
	for b.Loop() {
		w := headerOnly{http.Header{}}
		g.CleanHeaders(r)
		d := g.Decide(r)
		if d.Verdict != Login {
			b.Fatal(d.Verdict)
		}
		g.Refuse(w, r, d)
		if w.h["Location"] == nil {
			b.Fatal("no redirect")
		}
	}
}

// BenchmarkUncached is the first request of a session since it was last in
// memory: both reads from the store.
func BenchmarkUncached(b *testing.B) {
	g, cookies := benchGate(b, 10_000)
	g.closed.Store(true)
	defer g.closed.Store(false)
	r := httptest.NewRequest("GET", "https://wiki.example.com/page", nil)
	r.Header = benchHeader()
	b.ReportAllocs()
	for b.Loop() {
		r.Header["Cookie"] = []string{"__Host-caddyito-wiki=" + cookies[rand.IntN(len(cookies))]}
		if d := g.Decide(r); d.Verdict != Pass {
			b.Fatal(d.Verdict)
		}
	}
}
