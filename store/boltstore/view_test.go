package boltstore

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// TestViewsWhileMoving: what a View sees is the state after some Update, whole, no
// older than the last that returned before, while the log goes round, is moved to
// the database and copied, and what is too large for it is written beside it.
func TestViewsWhileMoving(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) // is used in turn
	s, err := Open(t.TempDir()+"/auth.db", Options{logHalf: 8 << 10, flushEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var mu sync.Mutex
	states := []model{{}} // by the number of the Update
	returned := 0
	head := []byte("head")
	step := func(tx store.WriteTx) (n int, err error) {
		w := tx.(*writeTx)
		n = int(number(w.get(bUser, head))) + 1
		mu.Lock()
		now := maps.Clone(states[n-1])
		mu.Unlock()
		writes := random.IntN(20)
		if random.IntN(40) == 0 {
			writes = 300 // more than a half
		}
		for range writes {
			key := binary.BigEndian.AppendUint16(nil, uint16(random.IntN(300)))
			if random.IntN(3) == 0 {
				delete(now, string(key))
				err = w.del(bUser, key)
			} else {
				now[string(key)] = strings.Repeat("v", random.IntN(100))
				err = w.put(bUser, key, []byte(now[string(key)]))
			}
			if err != nil {
				return 0, err
			}
		}
		now[string(head)] = string(be64(uint64(n)))
		if err := w.put(bUser, head, be64(uint64(n))); err != nil {
			return 0, err
		}
		if random.IntN(6) == 0 {
			return 0, errTakenBack
		}
		mu.Lock()
		defer mu.Unlock()
		states = append(states[:n], now)
		return n, nil
	}
	look := func() {
		mu.Lock()
		least := returned
		mu.Unlock()
		seen := model{}
		err := s.View(t.Context(), func(tx store.ReadTx) error {
			tx.(*readTx).scan(bUser, nil, nil, func(k, v []byte) bool {
				seen[string(k)] = string(v)
				return true
			})
			return nil
		})
		if err != nil {
			t.Error(err)
			return
		}
		n := int(number([]byte(seen[string(head)])))
		mu.Lock()
		defer mu.Unlock()
		if n < least {
			t.Errorf("Update %d is seen; %d had returned", n, least)
		}
		if !maps.Equal(seen, states[n]) {
			t.Errorf("a View saw %d keys that are not the %d after Update %d", len(seen), len(states[n]), n)
		}
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		writers.Go(func() {
			for i := range 100 {
				var n int
				err := s.Update(t.Context(), func(tx store.WriteTx) (err error) { n, err = step(tx); return err })
				if err != nil && !errors.Is(err, errTakenBack) {
					t.Error(err)
				}
				mu.Lock()
				returned = max(returned, n)
				mu.Unlock()
				if i%40 == 20 {
					if err := s.Backup(t.Context(), io.Discard); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					look()
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	look()
}

var errTakenBack = errors.New("taken back")
