package pace

import (
	"context"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	woken := make(chan struct{}, 1)
	Wake(woken)
	Wake(woken) // does not block
	if !Wait(t.Context(), time.Hour, woken) {
		t.Error("woken, it says that it was not")
	}
	if Wait(ended, time.Hour, woken) {
		t.Error("woken twice at once, it looks twice")
	}
	if Wait(t.Context(), time.Nanosecond, nil) {
		t.Error("it says that it was woken by the time")
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		failures int
		about    time.Duration
	}{{1, time.Second}, {2, 2 * time.Second}, {5, 16 * time.Second}, {9, 256 * time.Second}, {10, 5 * time.Minute}, {1 << 40, 5 * time.Minute}} {
		for range 100 {
			if d := Backoff(c.failures); d < c.about*3/4 || d >= c.about*5/4 {
				t.Fatalf("after %d failures: %s", c.failures, d)
			}
		}
	}
}
