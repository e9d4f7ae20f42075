package boltstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// flushEvery is how long a write may wait in the log before it is moved to the
// database. It costs nothing to have it wait; but a database at rest has an empty
// memory, and its next start nothing to do.
const flushEvery = 5 * time.Second

// flushWrites is how many writes are moved in one commit. It bounds the memory
// that takes, and how long others wait for the disk.
const flushWrites = 4000

// logMark is what the database knows of its log.
type logMark struct {
	Log string `json:"log"` // its id
	Seq uint64 `json:"seq"` // what comes after it is in the log alone
	// Open says that the log belongs to the database: one is not to be opened
	// without the other.
	Open bool `json:"open"`
}

// readMark returns the zero value for a database that never had a log.
func readMark(tx *bbolt.Tx) (m logMark, err error) {
	if v := tx.Bucket([]byte(bucketNames[bMeta])).Get(keyLog); v != nil {
		err = json.Unmarshal(v, &m)
	}
	return m, err
}

func writeMark(tx *bbolt.Tx, m logMark) error {
	v, err := json.Marshal(&m)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketNames[bMeta])).Put(keyLog, v)
}

// flushInBackground moves what was written to the database, when a half of the
// log is full or the time has come, until the store is closed. What fails is
// tried again, at the latest by the next writer who finds no room.
func (s *Store) flushInBackground(every time.Duration, trouble func(error)) {
	defer close(s.flushed)
	failing := false
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.full:
		case <-tick.C:
			s.turn.Lock()
			if s.batch != nil {
				s.finish()
			}
			s.rotate()
			s.turn.Unlock()
		}
		if err := s.flushOlder(); (err != nil) != failing {
			failing = err != nil
			trouble(err)
		}
	}
}

// rotate makes what is recent older, unless there is something older yet or
// nothing recent. It is called in turn, and not during a batch.
func (s *Store) rotate() (done bool) {
	if m := s.memory.Load(); m.older != nil || m.recent.empty() || s.broken() != nil {
		return false
	}
	s.remember(func(m *memory) {
		m.older, m.recent = m.recent, new(tree)
		m.olderSeq = s.log.seq
		m.era++
	})
	s.log.turn()
	return true
}

// flushOlder moves what is older to the database, and returns once it is there.
func (s *Store) flushOlder() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	m := s.memory.Load()
	if m.older == nil {
		return nil
	}
	if err := s.broken(); err != nil {
		return err
	}
	mark := logMark{Log: s.logID, Seq: m.olderSeq, Open: true}
	if err := s.guard(func() error { return flush(s.db, m.older, mark, flushWrites) }); err != nil {
		return err
	}
	s.remember(func(m *memory) {
		m.older = nil
		m.era++
	})
	return nil
}

// moveAll moves all that was written to the database. It is called in turn, and
// not during a batch.
func (s *Store) moveAll() error {
	if err := s.flushOlder(); err != nil {
		return err
	}
	s.rotate()
	if err := s.flushOlder(); err != nil {
		return err
	}
	return s.broken()
}

// flush writes a tree to the database, in order, with at most so many writes in a
// commit, and with the last of them the mark. As long as that is not written, all
// of it is in the log, and to write some of it once more does no harm.
func flush(db *bbolt.DB, t *tree, mark logMark, most int) (err error) {
	var r *readTx
	begin := func() error {
		tx, err := db.Begin(true)
		if err != nil {
			return fmt.Errorf("starting to write: %w", err)
		}
		r = &readTx{tx: tx}
		return nil
	}
	defer func() {
		if r != nil {
			_ = rollback(r.tx)
		}
	}()
	if err := begin(); err != nil {
		return err
	}
	n := 0
	for b, it := range t.all() {
		if n++; n > most {
			if err := r.tx.Commit(); err != nil {
				return err
			}
			if err := begin(); err != nil {
				return err
			}
			n = 1
		}
		if it.is == kept {
			err = r.bucket(b).Put(it.key, it.value)
		} else {
			err = r.bucket(b).Delete(it.key)
		}
		if err != nil {
			return fmt.Errorf("writing a %s: %w", bucketNames[b], err)
		}
	}
	if err := writeMark(r.tx, mark); err != nil {
		return err
	}
	return r.tx.Commit()
}

// guard calls what writes to the database, says what an error means, and lets
// nothing more be written if it may have left something undefined.
func (s *Store) guard(write func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the database %s is damaged, restore it from a backup: %v", s.path, p)
			s.breakDown(err)
		}
	}()
	if err = write(); err == nil {
		return nil
	}
	err = fmt.Errorf("writing to the database %s: %w", s.path, err)
	if harmless(err) {
		return err
	}
	return s.giveUp(err)
}

// giveUp lets nothing more be written.
func (s *Store) giveUp(err error) error {
	err = fmt.Errorf("%w; nothing more is written until a restart, check the disk first", err)
	s.breakDown(err)
	return err
}

func (s *Store) breakDown(err error) { s.failure.CompareAndSwap(nil, &err) }

// broken is why nothing more is written.
func (s *Store) broken() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// harmless says whether a commit that failed left the file as it was, as it does
// when there was no space to write or to grow. After a failed sync nobody knows
// what is on the disk: the system may have dropped what it could not write, and
// the next sync would not tell.
func harmless(err error) bool {
	if errors.Is(err, errSync) {
		return false
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Op == "write"
	}
	// bbolt makes text of the error of Truncate.
	return strings.Contains(err.Error(), "file resize error: ")
}

// rollback is tx.Rollback for a transaction in any state.
func rollback(tx *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("rolling back: %v", p)
		}
	}()
	return tx.Rollback()
}
