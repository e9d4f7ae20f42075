package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// signedIn is a browser that signed in, and who did.
type signedIn struct {
	session *store.Session
	user    *store.User
}

// currentSession is who the browser is signed in as, or nil.
func (p *Provider) currentSession(r *http.Request) (*signedIn, error) {
	hash, ok := p.sessionHash(r)
	if !ok {
		return nil, nil
	}
	var in *signedIn
	err := p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		in, err = p.sessionIn(tx, hash)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading session: %w", err)
	}
	if in != nil {
		p.touch(r.Context(), in.session)
	}
	return in, nil
}

func (p *Provider) sessionHash(r *http.Request) (store.Hash, bool) {
	id := cookie(r, p.cookies.session)
	return store.HashOf(id), id != ""
}

// sessionIn is the session if it lives, and its user if active; otherwise nil.
func (p *Provider) sessionIn(tx interface {
	store.SessionReader
	store.UserReader
}, hash store.Hash) (*signedIn, error) {
	s, err := tx.Session(store.ServerRealm, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !s.Live(p.now()) {
		return nil, nil
	}
	id, err := strconv.ParseInt(s.Subject, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("session has subject %q: %w", s.Subject, err)
	}
	u, err := activeUser(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &signedIn{s, u}, nil
}

// touch moves the idle limit on, but only once it is stale, so that requests
// do not write. A failure costs nothing but the move.
func (p *Provider) touch(ctx context.Context, s *store.Session) {
	now := p.now()
	if now.Sub(s.LastSeen) < min(max(p.SessionIdle/24, time.Minute), p.SessionIdle/4) {
		return
	}
	err := p.Store.Update(ctx, func(tx store.WriteTx) error {
		return tx.TouchSession(store.ServerRealm, s.Hash, now, now.Add(p.SessionIdle))
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		p.Logger.Warn("cannot prolong a session", "error", err)
	}
}

// newSession is a session for a login that happens now, and the id for its
// cookie. It always has a new id (against fixation), and keeps the sid where
// the same person signs in again, since clients know the session by it.
func (p *Provider) newSession(r *http.Request, userID int64) (*store.Session, string) {
	id, now := store.NewSecret(), p.now()
	return &store.Session{
		Realm: store.ServerRealm, Hash: store.HashOf(id),
		Subject: strconv.FormatInt(userID, 10), SID: store.NewSecret(),
		CreatedAt: now, AuthTime: now, LastSeen: now,
		IdleExpiresAt: now.Add(p.SessionIdle), ExpiresAt: now.Add(p.SessionAbsolute),
		IP: p.ClientIP(r), UserAgent: printable(r.UserAgent(), 256),
	}, id
}

// startSession writes s in place of the session the browser had. s itself is
// not changed, since the transaction may run more than once.
func (p *Provider) startSession(tx store.WriteTx, r *http.Request, s *store.Session) error {
	started := *s
	if hash, ok := p.sessionHash(r); ok {
		old, err := tx.Session(store.ServerRealm, hash)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("reading the earlier session: %w", err)
		}
		if err == nil {
			if old.Subject == s.Subject {
				started.SID = old.SID
			} else if err := endSID(tx, old.Subject, old.SID, s.AuthTime); err != nil {
				return err
			}
			if err := tx.DeleteSession(store.ServerRealm, hash); err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("ending the earlier session: %w", err)
			}
		}
	}
	if err := tx.PutSession(&started); err != nil {
		return fmt.Errorf("writing session: %w", err)
	}
	return nil
}

// endSession ends the session with what clients got through it.
func endSession(tx store.WriteTx, s *store.Session, now time.Time) error {
	err := tx.DeleteSession(store.ServerRealm, s.Hash)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("ending session: %w", err)
	}
	return endSID(tx, s.Subject, s.SID, now)
}

// endSID ends what clients got through a session that is over, and has them told.
func endSID(tx store.WriteTx, subject, sid string, now time.Time) error {
	over := func(other string) bool { return other == sid }
	if err := store.QueueLogouts(tx, subject, over, now); err != nil {
		return fmt.Errorf("having clients told of the session's end: %w", err)
	}
	return endFamilies(tx, subject, sid)
}

// endFamilies ends the tokens that came from a session, except where the person
// gave access for while they are away (OpenID Connect Core section 11).
func endFamilies(tx store.WriteTx, subject, sid string) error {
	userID, err := strconv.ParseInt(subject, 10, 64)
	if err != nil {
		return fmt.Errorf("session has subject %q: %w", subject, err)
	}
	families, err := tx.Families(userID)
	if err != nil {
		return fmt.Errorf("reading the session's tokens: %w", err)
	}
	for _, f := range families {
		if f.SID != sid || offline(f) {
			continue
		}
		if err := tx.DeleteFamily(f.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("ending the session's tokens: %w", err)
		}
	}
	return nil
}

// printable shortens s and drops what would not survive in a log line.
func printable(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), limit)]
}
