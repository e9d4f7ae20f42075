package gate

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddyito/caddyito/store"
)

// endingsGrace is how long a gate that closes goes on revoking what is left.
const endingsGrace = 3 * time.Second

// endings revokes the tokens of sessions that are over, however they ended: signed
// out here or elsewhere, replaced, unused for long, the person disabled. What is in
// the store nobody can open without the browser's cookie; so the gate remembers, in
// memory alone, the ids of sessions whose tokens it gave out, and the store's events
// say when to look whether one is gone. No request waits for it.
type endings struct {
	gate *Gate
	ctx  context.Context // ends a while after close
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex // guards the rest
	known   *recent[store.Hash, opener]
	queue   map[store.Hash]bool // to look at; of what is not known, nothing is done
	working bool                // one goroutine, for as long as there is something to do
	closed  bool
}

// opener is what opens the tokens of a session.
type opener struct {
	hash   store.Hash
	secret string // the session's id
	sealed []byte
}

func (o opener) key() store.Hash { return o.hash }

func newEndings(g *Gate) *endings {
	e := &endings{gate: g, known: newRecent(g.cfg.CacheSize, opener.key, nil, nil), queue: map[store.Hash]bool{}}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e
}

// remember is to be called before the session can end, and again with other tokens.
func (e *endings) remember(hash store.Hash, secret string, sealed []byte) {
	if len(sealed) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.known.remove(hash)
	e.known.put(opener{hash, secret, sealed})
}

// rememberSession is remember for a session that is there.
func (e *endings) rememberSession(ctx context.Context, hash store.Hash, secret string) {
	if !e.gate.cfg.KeepTokens {
		return
	}
	// Where the store does not answer, the session does not end by this request.
	if s, err := e.gate.session(ctx, hash); err == nil && s != nil && s.kept != nil {
		e.remember(hash, secret, s.kept.sealed)
	}
}

// changed is told, within a commit, of a session that changed or ended: it only notes
// that.
func (e *endings) changed(hash store.Hash) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.known.get(hash); ok {
		e.queue[hash] = true
		e.start()
	}
}

// changedAll is changed for every session.
func (e *endings) changedAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for hash := range e.known.index {
		e.queue[hash] = true
	}
	e.start()
}

// start has the queue worked through. e.mu is held.
func (e *endings) start() {
	if !e.working && !e.closed {
		e.working = true
		e.work.Go(e.run)
	}
}

func (e *endings) run() {
	for hash, ok := e.next(); ok; hash, ok = e.next() {
		e.look(hash)
	}
}

// next takes one out of the queue.
func (e *endings) next() (store.Hash, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx.Err() == nil {
		for hash := range e.queue {
			delete(e.queue, hash)
			return hash, true
		}
	}
	e.working = false
	return store.Hash{}, false
}

// look revokes the tokens of the session if it is gone.
func (e *endings) look(hash store.Hash) {
	g := e.gate
	var rec *store.Session
	err := g.cfg.Store.View(e.ctx, func(tx store.ReadTx) (err error) {
		rec, err = tx.Session(g.cfg.Name, hash)
		return err
	})
	switch {
	case err == nil:
		e.renewed(hash, rec.Tokens)
		return
	case !errors.Is(err, store.ErrNotFound):
		g.log.Error("cannot read a session; if it ended, its tokens are not revoked and end by themselves", "error", err)
		return
	}
	k, ok := e.take(hash)
	if !ok {
		return
	}
	is, err := g.issuer.get()
	if err != nil {
		g.log.Warn("cannot revoke the tokens of a session that ended; they end by themselves", "error", plainError(err))
		return
	}
	g.revokeKept(is, k.secret, k.sealed)
}

// renewed takes note of the tokens that a session has by now, perhaps by another gate.
func (e *endings) renewed(hash store.Hash, sealed []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if k, ok := e.known.get(hash); ok && !bytes.Equal(k.sealed, sealed) {
		e.known.remove(hash)
		e.known.put(opener{hash, k.secret, sealed})
	}
}

// take forgets the session and returns what opens its tokens.
func (e *endings) take(hash store.Hash) (opener, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k, ok := e.known.get(hash)
	e.known.remove(hash)
	return k, ok
}

// close waits for what is still to be revoked, but not for long.
func (e *endings) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	late := time.AfterFunc(endingsGrace, e.stop)
	e.work.Wait()
	late.Stop()
	e.stop()
}
