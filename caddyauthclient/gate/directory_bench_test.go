package gate

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

const crowd = 200_000

// benchDirectory has a crowd in a hundred companies; one in 20,000 is a captain.
func benchDirectory(b *testing.B) *Gate {
	b.Helper()
	s := openStore(b)
	now := time.Now().UTC()
	const batch = 5000
	for at := 0; at < crowd; at += batch {
		err := s.Update(b.Context(), func(tx store.WriteTx) error {
			for i := at; i < at+batch; i++ {
				u := &store.User{
					ID: int64(i + 1), Version: uint64(i + 1), Username: fmt.Sprintf("user%d", i), Email: fmt.Sprintf("user%d@example.com", i),
					FirstName: "First", LastName: fmt.Sprintf("Last%d", i), Groups: []string{"dev", "staff"}, IsActive: true,
					DateJoined: now, Fields: store.Fields{"company": store.Ref{Type: "company", ID: int64(i%100 + 1)}},
				}
				if i%20_000 == 10_000 {
					u.Groups = append(u.Groups, "captains")
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
			}
			return tx.PutMirrorState("wiki", store.MirrorState{FeedID: "f", Seq: crowd})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	g, err := New(Config{
		Name: "wiki", Issuer: testIssuer, ClientID: testClient, ClientSecret: testSecret,
		Origins: []string{"https://wiki.example.com"}, Store: s, Key: [32]byte{1}, Transport: newFakeIssuer(b),
		Directory: &Directory{Allow: []string{"127.0.0.1/8"}}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(g.Close)
	return g
}

// BenchmarkDirectory is what an app's reading of a large mirror costs: the whole
// of it page by page, those whom a filter finds, one page, and one record.
func BenchmarkDirectory(b *testing.B) {
	g := benchDirectory(b)
	for _, bench := range []struct {
		name, target string
		items        int // -1 for one request
	}{
		{"all", "/oidc/users?limit=1000", crowd},
		{"all, expanded", "/oidc/users?limit=1000&expand=company", crowd},
		{"one company", "/oidc/users?limit=1000&company=7", crowd / 100},
		{"few", "/oidc/users?groups=captains", crowd / 20_000},
		{"nobody", "/oidc/users?username=none", 0},
		{"a page", "/oidc/users?after=1-5", -1},
		{"one user", "/oidc/users/4711", -1},
		{"changes", "/oidc/users?updated_after=199995", 5},
		{"no changes", "/oidc/users?updated_after=200000", 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var requests int
			var longest time.Duration
			b.ReportAllocs()
			for b.Loop() {
				items := 0
				for target := bench.target; target != ""; requests++ {
					begun := time.Now()
					body := directoryBody(b, g, target)
					longest = max(longest, time.Since(begun))
					if target = ""; bench.items < 0 {
						continue
					}
					var p struct {
						Items []json.RawMessage
						Next  string
					}
					if err := json.Unmarshal(body, &p); err != nil {
						b.Fatal(err)
					}
					items, target = items+len(p.Items), p.Next
				}
				if bench.items >= 0 && items != bench.items {
					b.Fatalf("%d records, want %d", items, bench.items)
				}
			}
			b.ReportMetric(float64(requests)/float64(b.N), "requests/op")
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest")
		})
	}
}

func directoryBody(b *testing.B, g *Gate, target string) []byte {
	r := httptest.NewRequest("GET", "https://wiki.example.com"+target, nil)
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	if g.ServeOwn(w, r); w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}
