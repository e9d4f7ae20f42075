package directive

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Session limits how long somebody stays signed in.
type Session struct {
	// Idle is how long a session lasts without being used.
	Idle caddy.Duration `json:"idle,omitempty"`
	// Absolute is how long a session lasts in all.
	Absolute caddy.Duration `json:"absolute,omitempty"`
}

// Sessions reads:
//
//	session {
//		idle     <duration>
//		absolute <duration>
//	}
func Sessions(target *Session) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		start := d.Token()
		if d.NextArg() {
			return d.ArgErr()
		}
		if err := Options(d, "session", []Option{
			{Name: "idle", Read: Duration(&target.Idle)},
			{Name: "absolute", Read: Duration(&target.Absolute)},
		}); err != nil {
			return err
		}
		return At(start, target.Check())
	}
}

// Check says what is wrong with the limits.
func (s Session) Check() error {
	tooShort := func(d caddy.Duration) bool { return d != 0 && d < caddy.Duration(time.Second) }
	switch {
	case tooShort(s.Idle):
		return errors.New("session: idle must be at least a second")
	case tooShort(s.Absolute):
		return errors.New("session: absolute must be at least a second")
	}
	if s.Idle > 0 && s.Absolute > 0 && s.Idle > s.Absolute {
		return errors.New("session: idle is longer than absolute")
	}
	return nil
}
