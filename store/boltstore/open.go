package boltstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/caddyito/caddyito/store"
)

// format is the version of the layout of keys and values. Since 2 there is a log,
// without which the database is not to be opened; since 3 the records of mirrors
// are listed by version, and since 4 there is what users and objects are searched by.
const format = 4

// Options change how a store is opened. The zero value is fine.
type Options struct {
	// LockTimeout is how long to wait for another process that holds the file.
	// Default 1 s.
	LockTimeout time.Duration
	// Trouble is told when moving writes from the log to the database begins to
	// fail in the background, and with nil when it succeeds again. Nothing is lost
	// meanwhile; but when the log is full, writes fail too. Default: nobody is told.
	Trouble func(error)

	// Of tests. Default: the constants of these names.
	logHalf    int64
	flushEvery time.Duration
	opened     func() // called when the file is open and not yet locked
}

// Open opens the database at path, or makes a new one (mode 0600, in a
// directory of mode 0700) where there never was one: where neither the file nor
// the marker path+".id" exists. It changes nothing in a file that it refuses.
func Open(path string, o Options) (*Store, error) {
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if o.logHalf == 0 {
		o.logHalf = logHalf
	}
	if o.Trouble == nil {
		o.Trouble = func(error) {}
	}
	if o.flushEvery == 0 {
		o.flushEvery = flushEvery
	}
	s, err := openHere(path, o)
	if errors.Is(err, errReplaced) {
		s, err = openHere(path, o)
	}
	if err != nil {
		return nil, err
	}
	go s.flushInBackground(o.flushEvery, o.Trouble)
	return s, nil
}

// openHere opens what is at path now.
func openHere(path string, o Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the database: %w", err)
	}
	marker, err := readMarker(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	isNew := err != nil || info.Size() == 0
	if isNew && marker != "" {
		return nil, fmt.Errorf("the database %s is missing or empty, but %s says that there was one: restore it from a backup, or remove %[2]s to begin anew", path, markerPath(path))
	}
	if !isNew {
		if err := inspect(path, o, marker); err != nil {
			return nil, err
		}
	}
	db, err := openBolt(path, o, false)
	if err != nil {
		return nil, err
	}
	s, err := begin(db, path, marker, o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// begin brings a database to the state in which it is used.
func begin(db *bbolt.DB, path, marker string, o Options) (s *Store, err error) {
	left, err := checkLog(db, path, marker)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("preparing the database %s: %w", path, err)
		}
	}()
	id, err := prepare(db)
	if err != nil {
		return nil, err
	}
	if id != marker {
		if err := writeMarker(path, id); err != nil {
			return nil, err
		}
	}
	if err := left.replay(db); err != nil {
		return nil, err
	}
	if err := listMirrorRecords(db, listedAtOnce); err != nil {
		return nil, err
	}
	if err := endLeases(db); err != nil {
		return nil, err
	}
	if err := makeSearch(db); err != nil {
		return nil, err
	}
	s = &Store{
		path: path, db: db, watchers: map[*watcher]bool{},
		full: make(chan struct{}, 1), stop: make(chan struct{}), flushed: make(chan struct{}),
	}
	s.memory.Store(&memory{recent: new(tree)})
	s.log, s.logID, err = beginLog(db, path, id, left.mark.Seq, o.logHalf)
	return s, err
}

// endLeases ends those of a process that crashed: nobody else has the file open.
func endLeases(db *bbolt.DB) error {
	name := []byte(bucketNames[bLease])
	var held bool
	if err := db.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(name).Cursor().First()
		held = k != nil
		return nil
	}); err != nil || !held {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(name); err != nil {
			return err
		}
		_, err := tx.CreateBucket(name)
		return err
	})
}

// errReplaced: while the lock was waited for, another file took the place of the
// one that was opened, as Restore has it.
var errReplaced = errors.New("it was replaced while it was being opened: try again")

func openBolt(path string, o Options, readOnly bool) (db *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged(path, p)
		}
	}()
	options := &bbolt.Options{
		Timeout:  o.LockTimeout,
		ReadOnly: readOnly,
		// A freelist on disk is rewritten with every commit, and drags a file
		// that has seen many deletes. Without, opening reads the file once.
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
		NoStatistics:   true,
	}
	if strconv.IntSize == 64 && runtime.GOOS != "windows" {
		// Address space, not memory. When the file outgrows its mapping, the
		// writer waits for all readers.
		options.InitialMmapSize = 1 << 30
	}
	var locked *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		f, err = os.OpenFile(name, flag, mode)
		locked = f
		if o.opened != nil {
			o.opened()
		}
		return f, err
	}
	db, err = bbolt.Open(path, 0o600, options)
	switch {
	case err == nil:
		if err := isAt(locked, path); err != nil {
			return nil, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), db.Close())
		}
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("the database %s is locked by another process. A running Caddy holds it: use `caddy reload` instead of starting a second one, and the `caddy auth` commands, which talk to the running one", path)
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	return nil, damaged(path, err)
}

// isAt says whether an open file is the one at path.
func isAt(f *os.File, path string) error {
	own, err := f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(own, there) {
		return errReplaced
	}
	return err
}

// damagedError is of a file that is not, or no longer, a database.
type damagedError struct {
	path   string
	reason any
}

func damaged(path string, reason any) error { return &damagedError{path, reason} }

func (e *damagedError) Error() string {
	return fmt.Sprintf("the database %s is damaged, or is no database of this program: %v. Restore it from a backup; nothing was changed in it", e.path, e.reason)
}

// inspect reads the whole file before it is opened for writing, which would
// crash the process in a goroutine of bbolt's if pages are damaged.
func inspect(path string, o Options, marker string) (err error) {
	db, err := openBolt(path, o, true)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = damaged(path, p)
		}
		err = errors.Join(err, db.Close())
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return db.View(func(tx *bbolt.Tx) error {
		if info, err := os.Stat(path); err != nil || info.Size() < tx.Size() {
			return damaged(path, "it is shorter than it should be")
		}
		if k, _ := tx.Cursor().First(); k == nil && marker == "" {
			return nil // made, but never begun
		}
		meta := tx.Bucket([]byte(bucketNames[bMeta]))
		if meta == nil || meta.Get(keyFormat) == nil {
			return fmt.Errorf("%s is a database of another program", path)
		}
		if v, err := strconv.Atoi(string(meta.Get(keyFormat))); err != nil || v > format {
			return fmt.Errorf("the database %s has format %q and was written by a newer version, which this one does not understand (it knows up to %d): use that version, or restore an older backup", path, meta.Get(keyFormat), format)
		}
		m, err := (&readTx{tx: tx}).Meta()
		if err != nil {
			return damaged(path, err)
		}
		if marker != "" && m.InstallationID != marker {
			return fmt.Errorf("the database %s is not the one that was here: it belongs to installation %s, but %s names %s. Put the right one back, or remove %[3]s to go on with this one", path, m.InstallationID, markerPath(path), marker)
		}
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			c := b.Cursor()
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
			}
			return nil
		})
	})
}

// prepare makes what a new database lacks and returns the installation's ID.
func prepare(db *bbolt.DB) (id string, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames {
			if tx.Bucket([]byte(name)) == nil {
				return nil
			}
		}
		m, err := (&readTx{tx: tx}).Meta()
		id = m.InstallationID
		return err
	})
	if id != "" || err != nil {
		return id, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		m, err := (&readTx{tx: tx}).Meta()
		if id = m.InstallationID; err == nil {
			return nil
		}
		id = rand.Text()
		value, err := encode(bMeta, nil, &store.Meta{InstallationID: id})
		if err != nil {
			return err
		}
		meta := tx.Bucket([]byte(bucketNames[bMeta]))
		return errors.Join(
			meta.Put(keyFormat, strconv.AppendInt(nil, format, 10)),
			meta.Put(keyFeedID, []byte(rand.Text())),
			meta.Put(keyMeta, value))
	})
	return id, err
}
