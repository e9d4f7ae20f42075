package boltstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// TestChurn makes and sweeps 100,000 sessions in rounds: the file stays as large
// as one round needs, and in the end nothing is left in any index.
func TestChurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	s := open(t, path)
	const rounds, each = 10, 10_000
	var sizes [rounds]int64
	for round := range rounds {
		for from := 0; from < each; from += 5000 {
			err := s.Update(t.Context(), func(tx store.WriteTx) error {
				for i := range 5000 {
					n := int64(round*each + from + i)
					if err := tx.PutSession(benchSession("s", n)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for {
			n, err := s.Sweep(t.Context(), benchDay.Add(25*time.Hour), 5000)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes[round] = info.Size()
	}
	if first, last := sizes[1], sizes[rounds-1]; last > first+first/2 {
		t.Errorf("the file grows with every round: %v", sizes)
	}
	s.Close()
	checkFile(t, path)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for _, name := range []string{"session", "session_of_subject", "session_of_sid", "expiry"} {
			if k, _ := tx.Bucket([]byte(name)).Cursor().First(); k != nil {
				t.Errorf("something is left in %s", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
