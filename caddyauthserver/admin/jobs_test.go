package admin

import (
	"context"
	"errors"
	"testing"

	"github.com/caddyito/caddyito/internal/lang"
)

// Work that is under way is found and counted however much was begun since.
func TestJobsUnderWayAreKept(t *testing.T) {
	s := newJobs()
	defer s.close()
	end := make(chan struct{})
	defer close(end)
	wait := func(context.Context, *job) error { <-end; return nil }
	slow, err := s.start(1, lang.Text{}, "", "users", wait)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * maxJobs {
		ended := make(chan struct{})
		id, err := s.start(1, lang.Text{}, "", "users", func(context.Context, *job) error { close(ended); return nil })
		if err != nil {
			t.Fatal(err)
		}
		<-ended
		for !s.find(id).isFinished() {
		}
	}
	if s.find(slow) == nil || len(s.all) > maxJobs || len(s.order) != len(s.all) {
		t.Errorf("it is forgotten, or too many are kept: %d", len(s.all))
	}
	for range maxRunning - 1 {
		if _, err := s.start(1, lang.Text{}, "", "users", wait); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.start(1, lang.Text{}, "", "users", wait); !errors.Is(err, errTooManyJobs) {
		t.Errorf("more run than may: %v", err)
	}
}
