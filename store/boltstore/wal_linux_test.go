package boltstore

import (
	"os"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// TestSyncFails: after a sync that failed nothing more is written; what was
// acknowledged can be read, and is there after a restart.
func TestSyncFails(t *testing.T) {
	s, path := openSmall(t, 1<<20)
	writeSteps(t, s, 0, 3)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0) // takes every write, and cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	s.turn.Lock()
	whole := s.log.file
	s.log.file = null
	s.turn.Unlock()
	defer whole.Close()
	for range 2 {
		err := s.Update(t.Context(), func(tx store.WriteTx) error { return writeStep(tx, 3) })
		if err == nil || !strings.Contains(err.Error(), "restart") || !strings.Contains(err.Error(), path) {
			t.Errorf("a sync failed: %v", err)
		}
	}
	if n := countSteps(t, s); n != 3 {
		t.Errorf("%d steps are seen", n)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), logPath(path)) {
		t.Errorf("closing said %v", err)
	}
	files{readFile(t, path), readFile(t, logPath(path)), readFile(t, markerPath(path))}.holds(t, 3)
}
