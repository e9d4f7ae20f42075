package authapp

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

type sweepLog struct {
	sync.Mutex
	at     []time.Duration
	answer func(n int) (int, error)
	began  time.Time
}

func (s *sweepLog) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	s.Lock()
	defer s.Unlock()
	s.at = append(s.at, time.Since(s.began))
	return s.answer(len(s.at))
}

func (s *sweepLog) calls() []time.Duration {
	s.Lock()
	defer s.Unlock()
	return append([]time.Duration(nil), s.at...)
}

func TestSweeperHurriesWhileThereIsMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sweepLog{began: time.Now(), answer: func(n int) (int, error) {
			switch {
			case n <= 3:
				return sweepBatch, nil
			case n == 5:
				return 0, errors.New("disk full")
			}
			return 1, nil
		}}
		stop := startSweeper(s, zap.NewNop())
		time.Sleep(3 * time.Minute)
		stop()
		got := s.calls()
		want := []time.Duration{1, 2, 3, 4, 604, 1204}
		if len(got) != len(want) {
			t.Fatalf("swept at %v", got)
		}
		for i := range want {
			if got[i] != want[i]*sweepBreath {
				t.Errorf("sweep %d at %v, want %v", i, got[i], want[i]*sweepBreath)
			}
		}
		time.Sleep(time.Hour)
		if n := len(s.calls()); n != len(want) {
			t.Errorf("%d sweeps after stop", n-len(want))
		}
	})
}
