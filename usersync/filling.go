package usersync

import (
	"log/slog"
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
