package boltstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/caddyito/caddyito/internal/durable"
	"github.com/caddyito/caddyito/store"
)

var _ store.Backuper = (*Store)(nil)

// Backup writes a copy of the database: a file that Restore takes. As long as it
// takes, the pages of that moment are kept, and the file may grow; where that must be
// mapped anew, writers and then readers wait for the copy, and so does Close for a piece
// of it: w should not stall.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	tx, err := s.whole(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.WriteTo(&endingWriter{ctx, s.stop, w}); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return nil
}

// whole is a transaction of a moment at which all is in the database.
func (s *Store) whole(ctx context.Context) (*bbolt.Tx, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.batch != nil {
		s.finish()
	}
	if err := s.moveAll(); err != nil {
		return nil, err
	}
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("starting to read: %w", err)
	}
	return tx, nil
}

// endingWriter fails once ctx ends, or the store is closed.
type endingWriter struct {
	ctx  context.Context
	stop <-chan struct{}
	w    io.Writer
}

func (e *endingWriter) Write(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case <-e.stop:
		return 0, store.ErrClosed
	default:
	}
	return e.w.Write(b)
}

// Restore puts the backup in the file from in the place of the database at path,
// which no process may have open. It reads the whole backup first, calls check
// with it (its master key may be missing), and gives its feed a new ID, since
// mirrors have seen what the backup does not know. What was at path is kept, and
// kept says under which name; "" if there was nothing. After an error all is as
// it was, unless kept says otherwise.
func Restore(path, from string, o Options, check func(store.Store) error) (kept string, err error) {
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("making the directory of the database: %w", err)
	}
	unlock, err := lock(path, from, o)
	if err != nil {
		return "", err
	}
	defer unlock()
	fresh := path + restoring
	if err := errors.Join(move(fresh, ""), copyBackup(fresh, from)); err != nil {
		return "", err
	}
	defer move(fresh, "") // nothing is left of it once it is in its place
	id, err := readyBackup(fresh, o, check)
	if d, ok := errors.AsType[*damagedError](err); ok { // it names the copy
		return "", fmt.Errorf("the backup %s is damaged, or is no backup of this program: %v; the database is as it was", from, d.reason)
	}
	if err != nil {
		return "", fmt.Errorf("the backup %s is of no use: %w", from, err)
	}
	if exists(path) || exists(logPath(path)) { // a log alone must not stay beside the backup
		kept = path + ".before-restore-" + time.Now().UTC().Format("20060102T150405.000Z")
		if err := move(path, kept); err != nil {
			return "", fmt.Errorf("putting the old database aside: %w", err)
		}
	}
	if err := move(fresh, path); err != nil {
		return kept, fmt.Errorf("putting the backup in its place: %w", err)
	}
	return kept, writeMarker(path, id)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// restoring ends the name of a backup that is yet to be put in its place.
const restoring = ".restoring"

// lock keeps others from opening the database at path, whatever state it is in.
func lock(path, from string, o Options) (unlock func(), err error) {
	here, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && here.Size() == 0 {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the database %s: %w", path, err)
	}
	if there, err := os.Stat(from); err == nil && os.SameFile(here, there) {
		return nil, fmt.Errorf("%s is the database itself, not a backup of it", from)
	}
	db, err := openBolt(path, o, true)
	switch {
	case err == nil:
		return func() { _ = db.Close() }, nil
	case errors.Is(err, errReplaced):
		return nil, err
	case isLocked(path, o):
		return nil, fmt.Errorf("the database %s is locked by another process: stop the Caddy that has it open, then restore", path)
	}
	return func() {}, nil // damaged: a reason to restore
}

// isLocked tells a database that is in use from one that is damaged.
func isLocked(path string, o Options) (locked bool) {
	defer func() { _ = recover() }() // damaged
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: o.LockTimeout, ReadOnly: true})
	if err == nil {
		_ = db.Close()
	}
	return errors.Is(err, bolterrors.ErrTimeout)
}

// copyBackup returns once the copy is on the disk.
func copyBackup(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("opening the backup: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copying the backup: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("copying the backup: %w", err)
	}
	return nil
}

// readyBackup looks through the copy of a backup, gives its feed a new ID and
// returns the installation's.
func readyBackup(path string, o Options, check func(store.Store) error) (id string, err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return "", errors.Join(errors.New("it is empty"), err)
	}
	s, err := Open(path, o)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if check != nil {
		if err := check(s); err != nil {
			return "", err
		}
	}
	err = s.Update(context.Background(), func(tx store.WriteTx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		id = m.InstallationID
		return tx.(*writeTx).put(bMeta, keyFeedID, []byte(rand.Text()))
	})
	return id, err
}

// besides are the files that belong to a database, by what follows its name. The
// marker does not: it is of the place.
var besides = []string{logPath(""), logPath("") + ".new"}

// move renames a database with the files that belong to it, or removes them if to is
// empty. What else begins with its name is somebody's own, a backup of theirs say. The
// database itself comes last.
func move(from, to string) error {
	if strings.HasSuffix(from, restoring) {
		if err := os.Remove(markerPath(from)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, suffix := range append(slices.Clone(besides), "") {
		var err error
		if to == "" {
			err = os.Remove(from + suffix)
		} else {
			err = os.Rename(from+suffix, to+suffix)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.SyncDir(filepath.Dir(from))
}
