package gate

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// MinOffline is the shortest that Config.Offline can be. The server lets hear of
// itself once a minute, and a gate that it does not reach asks after two and a
// half.
const MinOffline = 5 * time.Minute

// heard is when the server last vouched for the mirror, as far as is known here.
type heard struct {
	at atomic.Int64 // in nanoseconds of the Unix epoch

	look   sync.Mutex // held while the store is asked; guards the rest
	failed int64      // when it last could not say that the mirror is new enough
	warned bool
}

// maxAhead is how far in the future the server may have been heard. More is of a
// clock that was put back since: how long ago it was, nobody can tell.
const maxAhead = time.Minute

// stale says whether what was heard then says too little now.
func (g *Gate) stale(at, now int64) bool {
	age := now - at
	return age > int64(g.cfg.Offline) || age < -int64(maxAhead)
}

// lookEvery is how often the store is asked, while what is known is too old.
const lookEvery = int64(time.Second)

var errOutdated = errors.New("the server was not heard from for too long")

// outdated says whether the mirror is older than it may be. As long as it is
// not, that costs a look at the clock; the store, which sync and perhaps another
// process have written, is asked only where the answer would be yes, by one for all.
func (g *Gate) outdated() bool {
	if g.cfg.Offline == 0 {
		return false
	}
	now := g.cfg.Now().UnixNano()
	if !g.stale(g.heard.at.Load(), now) {
		return false
	}
	g.heard.look.Lock()
	defer g.heard.look.Unlock()
	if !g.stale(g.heard.at.Load(), now) {
		return false // another has looked meanwhile
	}
	if last := g.heard.failed; now-last < lookEvery && now >= last {
		return true
	}
	var at int64 // long ago
	_, t, ok, err := g.mirrorAt(context.Background())
	if err != nil {
		g.heard.failed = now
		g.log.Error("cannot read how old the mirror is; requests are refused", "error", err)
		return true
	}
	if ok {
		at = t.UnixNano()
	}
	g.heard.at.Store(at)
	outdated := g.stale(at, now)
	if outdated {
		g.heard.failed = now
	}
	if outdated != g.heard.warned {
		g.heard.warned = outdated
		if outdated {
			g.log.Error("the server was not heard from for too long; requests are refused until it is. See that it runs and syncs with this gate (caddy auth sync status)",
				"issuer", g.cfg.Issuer, "offline", g.cfg.Offline, "heard", t)
		} else {
			g.log.Info("the server is heard from again; requests are let pass", "issuer", g.cfg.Issuer)
		}
	}
	return outdated
}

// MirrorAt is how far the mirror is in the server's feed, and when the server
// last vouched for it. It is false for one that sign-ins alone fill, and if it
// cannot be read.
func (g *Gate) MirrorAt() (seq uint64, at time.Time, ok bool) {
	seq, at, ok, err := g.mirrorAt(context.Background())
	return seq, at, ok && err == nil
}

func (g *Gate) mirrorAt(ctx context.Context) (seq uint64, at time.Time, ok bool, err error) {
	err = g.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		s, err := tx.MirrorState(g.cfg.Name)
		seq, at, ok = s.Seq, s.At, !s.At.IsZero()
		return err
	})
	return seq, at, ok, err
}

func (g *Gate) serverUnheard(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "10")
	g.pages.Message(w, r, http.StatusServiceUnavailable, webpage.Message{
		Title: lang.T("Not available just now"),
		Text: lang.T("The sign-in service has not been heard from for a while, so it is not known who may still come in. " +
			"You are let in again as soon as it answers."),
		LinkText: lang.T("Try again"), LinkURL: g.tryAgainURL(r),
	})
}
