package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// maxAccounts is how many people can be signed in in one browser. The cookie has the
// ids of their sessions, that of the current one first.
const maxAccounts = 5

// signedIn is a browser that signed in, and who did.
type signedIn struct {
	session *store.Session
	user    *store.User
	id      string // in the cookie
	current bool
	again   bool // who just signed in did so before
	raised  bool // they were signed in, and proved more
}

// ownSession is the session of who comes to a page of their own. It leads those who
// are not signed in to where they do that, and says whether there is more to do.
func (p *Provider) ownSession(w http.ResponseWriter, r *http.Request) (*signedIn, bool) {
	in, err := p.currentSession(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return nil, false
	}
	if in == nil {
		seeOther(w, p.url("login"))
		return nil, false
	}
	return in, true
}

// currentSession is who the browser is signed in as, or nil.
func (p *Provider) currentSession(r *http.Request) (*signedIn, error) {
	all, err := p.sessions(r)
	if err != nil || len(all) == 0 || !all[0].current {
		return nil, err
	}
	return all[0], nil
}

// sessions are all who are signed in in the browser, the current one first. If that
// one's session is over, nobody is current: who was second did not ask to be.
func (p *Provider) sessions(r *http.Request) ([]*signedIn, error) {
	ids := p.sessionIDs(r)
	if len(ids) == 0 {
		return nil, nil
	}
	var all []*signedIn
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error {
		all = nil
		for i, id := range ids {
			in, err := p.sessionIn(tx, store.HashOf(id))
			if err != nil {
				return err
			}
			if in != nil {
				in.id, in.current = id, i == 0
				all = append(all, in)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading session: %w", err)
	}
	if len(all) > 0 && all[0].current {
		p.touch(r.Context(), all[0].session)
	}
	return all, nil
}

// sessionIDs are those of the cookie, without what cannot be one.
func (p *Provider) sessionIDs(r *http.Request) []string {
	var ids []string
	for id := range strings.SplitSeq(cookie(r, p.cookies.session), ".") {
		if len(id) == secretLen && !slices.Contains(ids, id) && len(ids) < maxAccounts {
			ids = append(ids, id)
		}
	}
	return ids
}

// secretLen is how long store.NewSecret is.
const secretLen = 43

// keepSessions has the browser keep these sessions, the current one first. It
// forgets them when it closes, unless all of them are to stay.
func (p *Provider) keepSessions(w http.ResponseWriter, all []*signedIn) {
	if len(all) == 0 {
		p.setCookie(w, p.cookies.session, "", -1)
		return
	}
	ids, maxAge := make([]string, len(all)), p.SessionAbsolute
	for i, in := range all {
		if ids[i] = in.id; !in.session.Remember {
			maxAge = 0
		}
	}
	p.setCookie(w, p.cookies.session, strings.Join(ids, "."), maxAge)
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
	return &signedIn{session: s, user: u}, nil
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
func (p *Provider) newSession(r *http.Request, userID int64, remember bool) (*store.Session, string) {
	id, now := store.NewSecret(), p.now()
	return &store.Session{
		Realm: store.ServerRealm, Hash: store.HashOf(id),
		Subject: strconv.FormatInt(userID, 10), SID: store.NewSecret(),
		Remember: remember, CreatedAt: now, AuthTime: now, LastSeen: now,
		IdleExpiresAt: now.Add(p.SessionIdle), ExpiresAt: now.Add(p.SessionAbsolute),
		IP: p.ClientIP(r), UserAgent: printable(r.UserAgent(), 256),
	}, id
}

// startSession writes s, whose id is new, in place of the session the browser had,
// or beside it where another person was added. It returns all that the browser is to
// keep. s itself is not changed, since the transaction may run more than once.
func (p *Provider) startSession(tx store.WriteTx, r *http.Request, s *store.Session, id string, add bool) ([]*signedIn, error) {
	started := *s
	kept := []*signedIn{{session: &started, id: id}}
	for i, other := range p.sessionIDs(r) {
		old, err := tx.Session(store.ServerRealm, store.HashOf(other))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the earlier session: %w", err)
		}
		switch {
		case old.Subject == s.Subject:
			started.SID = old.SID
		case i == 0 && !add, len(kept) == maxAccounts:
			if err := endSID(tx, old.Subject, old.SID, s.AuthTime); err != nil {
				return nil, err
			}
		default:
			kept = append(kept, &signedIn{session: old, id: other})
			continue
		}
		if err := tx.DeleteSession(store.ServerRealm, old.Hash); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("ending the earlier session: %w", err)
		}
	}
	if err := tx.PutSession(&started); err != nil {
		return nil, fmt.Errorf("writing session: %w", err)
	}
	return kept, nil
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
	over := func(s *store.SignIn) bool { return s.SID == sid }
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
