package usersync

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Position is where a mirror stands: a seq of a view of a feed.
type Position struct {
	Feed string `json:"feed"`
	View string `json:"view"`
	Upto uint64 `json:"upto"`
}

// Mirror takes the batches of one gate.
type Mirror struct {
	// Name of the mirror in the store, and the realm of the gate's sessions.
	Name  string
	Store store.Store
	// Issuer, ClientID and Secret of the gate at its server.
	Issuer, ClientID, Secret string
	Now                      func() time.Time
	// OnDelete says what stays of a user who is deleted. Default DisableDeleted.
	OnDelete OnDelete
	// Ended, if not nil, counts the sessions that changes ended.
	Ended *atomic.Uint64
}

// fresh is the mirror that is filled anew beside m, and then takes its place.
// No gate has a space in its name.
func (m *Mirror) fresh() string { return m.Name + " resync" }

// Verify reads a batch for this mirror.
func (m *Mirror) Verify(token []byte) (*Batch, error) {
	key, err := Key(m.Secret, m.Issuer)
	if err != nil {
		return nil, err
	}
	return Verify(token, key, m.Issuer, m.ClientID, m.Now())
}

// Position is where the mirror stands: the one that is being filled anew, if
// there is one.
func (m *Mirror) Position(ctx context.Context) (p Position, err error) {
	err = m.Store.View(ctx, func(tx store.ReadTx) error {
		at, err := m.standing(tx)
		p = positionOf(at.state)
		return err
	})
	return p, err
}

func positionOf(s store.MirrorState) Position { return Position{s.FeedID, s.View, s.Seq} }

// follows says whether b continues what the mirror is told.
func follows(s store.MirrorState, b *Batch) bool { return s.FeedID == b.Feed && s.View == b.View }

// standing is a mirror that takes batches: m's own, or the fresh one.
type standing struct {
	name  string
	state store.MirrorState
}

func (m *Mirror) standing(tx store.MirrorReader) (standing, error) {
	state, err := tx.MirrorState(m.fresh())
	if err != nil || state.FeedID != "" {
		return standing{m.fresh(), state}, err
	}
	state, err = tx.MirrorState(m.Name)
	return standing{m.Name, state}, err
}

// Apply brings the mirror to where the batch goes, in one transaction, and says
// where it stands then. It is false if the batch does not begin where the mirror
// stands, or leaves it with something else than the server has: then the sender
// goes on from the position.
func (m *Mirror) Apply(ctx context.Context, b *Batch) (p Position, ok bool, err error) {
	var ended int
	err = m.Store.Update(ctx, func(tx store.WriteTx) error {
		p, ok, ended = Position{}, false, 0
		at, err := m.standing(tx)
		if err != nil {
			return fmt.Errorf("reading the mirror's state: %w", err)
		}
		if b.Resync && m.replayed(at.state, b) {
			p = positionOf(at.state) // and does not begin anew, as the sender must know
			return nil
		}
		at, err = m.turnTo(tx, at, b)
		if err != nil {
			return err
		}
		if !follows(at.state, b) || b.After > at.state.Seq {
			p = positionOf(at.state)
			if !follows(at.state, b) && !m.replayed(at.state, b) {
				p = Position{b.Feed, b.View, 0} // from where it would be taken
			}
			return nil
		}
		p, ok, ended, err = m.apply(tx, at, b)
		return err
	})
	if err == nil && m.Ended != nil {
		m.Ended.Add(uint64(ended))
	}
	return p, ok, err
}

// replayed says whether a batch is older than one that was taken: it may bring
// nothing, but it cannot have the mirror begin anew. One that was made in what is
// the future now says nothing: the clocks were put back since.
func (m *Mirror) replayed(s store.MirrorState, b *Batch) bool {
	return b.IssuedAt < s.IssuedAt.Unix() && !s.IssuedAt.After(m.Now().Add(leeway))
}

// turnTo readies the mirror for the feed and view of b: nothing is to be done for
// those it follows, and for others a fresh mirror is begun.
func (m *Mirror) turnTo(tx store.WriteTx, at standing, b *Batch) (standing, error) {
	if b.After != 0 || follows(at.state, b) && !b.Resync || m.replayed(at.state, b) {
		return at, nil
	}
	if at.state.FeedID == "" && at.state.Top == 0 {
		at.state.FeedID, at.state.View = b.Feed, b.View // empty: filled in place, so that it is of use at once
		return at, nil
	}
	if err := m.beginFresh(tx, store.MirrorState{FeedID: b.Feed, View: b.View, IssuedAt: time.Unix(b.IssuedAt, 0)}); err != nil {
		return at, err
	}
	state, err := tx.MirrorState(m.fresh())
	return standing{m.fresh(), state}, err
}

func (m *Mirror) beginFresh(tx store.WriteTx, s store.MirrorState) error {
	if err := tx.DeleteMirror(m.fresh()); err != nil {
		return fmt.Errorf("beginning the mirror anew: %w", err)
	}
	if err := tx.PutMirrorState(m.fresh(), s); err != nil {
		return fmt.Errorf("beginning the mirror anew: %w", err)
	}
	return nil
}

// apply writes the changes. ended is how many sessions they ended.
func (m *Mirror) apply(tx store.WriteTx, at standing, b *Batch) (p Position, ok bool, ended int, err error) {
	for _, c := range b.Changes {
		n, err := m.change(tx, at, c)
		ended += n
		if err != nil {
			return p, false, ended, fmt.Errorf("writing %s %d to the mirror: %w", c.Type, c.ID, err)
		}
	}
	s := at.state
	s.Seq = max(s.Seq, b.Upto)
	if !m.replayed(s, b) {
		s.IssuedAt, s.At = time.Unix(b.IssuedAt, 0), m.Now()
	}
	if err := tx.PutMirrorState(at.name, s); err != nil {
		return p, false, ended, fmt.Errorf("writing the mirror's state: %w", err)
	}
	if s, err = tx.MirrorState(at.name); err != nil {
		return p, false, ended, fmt.Errorf("reading the mirror's state: %w", err)
	}
	if differs(s, b) {
		if err := m.beginFresh(tx, store.MirrorState{FeedID: s.FeedID, View: s.View, IssuedAt: s.IssuedAt}); err != nil {
			return p, false, ended, err
		}
		return Position{s.FeedID, s.View, 0}, false, ended, nil
	}
	if at.name != m.Name && s.Seq >= b.Head {
		if err := m.leave(tx, s.FeedID); err != nil {
			return p, false, ended, err
		}
		if err := tx.ReplaceMirror(m.Name, at.name); err != nil {
			return p, false, ended, fmt.Errorf("putting the fresh mirror in its place: %w", err)
		}
	}
	return positionOf(s), true, ended, nil
}

// leave ends what rests on another feed than the one that is to be followed now.
func (m *Mirror) leave(tx store.WriteTx, feed string) error {
	old, err := tx.MirrorState(m.Name)
	if err != nil {
		return fmt.Errorf("reading the mirror's state: %w", err)
	}
	if old.FeedID == "" || old.FeedID == feed {
		return nil
	}
	if err := store.ForgetMirror(tx, m.Name); err != nil {
		return fmt.Errorf("ending the sessions of another feed: %w", err)
	}
	return nil
}

// differs says whether the mirror holds something else than the server did when
// it made the batch. Where one of the two is ahead of the other (a sign-in
// brought something newer), it cannot be told.
func differs(s store.MirrorState, b *Batch) bool {
	return b.Digest != nil && b.Upto == b.Head && s.Seq == b.Upto && s.Top <= b.Upto && s.Digest != *b.Digest
}

// change applies a change if it is newer, and ends the sessions of who may not
// be signed in any more.
func (m *Mirror) change(tx store.WriteTx, at standing, c Change) (ended int, err error) {
	rec := &store.Record{
		Type: c.Type, ID: strconv.FormatInt(c.ID, 10), Version: c.Version, Deleted: c.Deleted, Fields: received(c),
	}
	if c.Deleted && c.Type == store.UserType {
		if rec.Fields, err = m.remains(tx, at, rec.ID); err != nil {
			return 0, err
		}
	}
	applied, err := store.ApplyRecord(tx, at.name, rec)
	if err != nil || !applied || c.Type != store.UserType {
		return 0, err
	}
	if active, _ := rec.Fields["is_active"].(bool); active && !c.Deleted {
		return 0, nil
	}
	return tx.DeleteSessionsOf(m.Name, rec.ID, store.Hash{})
}

// frame are the names of what a record has besides its fields.
var frame = []string{"id", "version", "type", "deleted"}

// received are the fields that a batch may set: a push makes nobody an admin.
func received(c Change) store.Fields {
	for name := range c.Data {
		if !isName(name) || slices.Contains(frame, name) || c.Type == store.UserType && (name == "sub" || Withheld(name)) {
			delete(c.Data, name)
		}
	}
	return c.Data
}
