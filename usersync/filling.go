package usersync

import (
	"log/slog"
	"sync"
	"time"
)

// filling is a mirror that is sent everything, for the log.
type filling struct {
	since   time.Time // zero if it is not
	changes int
}

// sentAnew is said of a client to which somebody has everything sent anew, whether it
// is told or asks for it.
const sentAnew = "a client is sent everything anew, as was asked for"

func (f *filling) begin(log *slog.Logger, now time.Time, message string, head uint64) {
	if f.since.IsZero() {
		log.Info(message, "head", head)
	}
	*f = filling{since: now}
}

func (f *filling) took(changes int) { f.changes += changes }

// end is called whenever the mirror has everything.
func (f *filling) end(log *slog.Logger, now time.Time) {
	if f.since.IsZero() {
		return
	}
	log.Info("the mirror of a client is complete", "changes", f.changes, "took", now.Sub(f.since).Round(time.Millisecond).String())
	*f = filling{}
}

// fillings are those of clients that ask for what they are to be sent anew.
type fillings struct {
	mu sync.Mutex // guards of
	of map[string]*filling
}

func (f *fillings) begin(log *slog.Logger, clientID string, now time.Time, head uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[string]*filling{}
	}
	f.of[clientID] = new(filling)
	f.of[clientID].begin(log.With("client_id", clientID), now, sentAnew, head)
}

func (f *fillings) took(clientID string, changes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.of[clientID]; one != nil {
		one.took(changes)
	}
}

func (f *fillings) end(log *slog.Logger, clientID string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.of[clientID]; one != nil {
		one.end(log.With("client_id", clientID), now)
		delete(f.of, clientID)
	}
}
