package boltstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"
)

// leftover is what a process that did not close the database left in the log.
type leftover struct {
	mark    logMark
	records []logRecord
	// lost says that the log is gone, and that this was accepted.
	lost bool
}

// checkLog says whether the log belongs to the database as it is, and what of it
// the database lacks. It changes nothing.
func checkLog(db *bbolt.DB, path, marker string) (l leftover, err error) {
	var installation string
	err = db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(bucketNames[bMeta])) == nil {
			return nil // made, but never begun
		}
		if l.mark, err = readMark(tx); err != nil {
			return err
		}
		m, err := (&readTx{tx: tx}).Meta()
		installation = m.InstallationID
		return err
	})
	if err != nil {
		return l, damaged(path, err)
	}
	name := logPath(path)
	head, records, err := readLog(path, l.mark.Seq)
	another := false
	switch {
	case head == nil:
	case head.Installation != installation || l.mark.Open && head.Log != l.mark.Log:
		another = true
	case !l.mark.Open && head.Log != l.mark.Log:
		// It was made and not yet begun, or it is of another state.
		_, records, err = readLog(path, 0)
		another = len(records) > 0 || err != nil
	case !l.mark.Open:
		another = len(records) > 0 // or it was not yet removed
	}
	switch {
	case head == nil && err == nil:
		if l.mark.Open && marker != "" {
			return l, fmt.Errorf("the database %s was not closed, and its log %s, which holds the last writes, is missing: put it back, or restore a backup. To go on without those writes, remove %s", path, name, markerPath(path))
		}
		l.lost = l.mark.Open
		return l, nil
	case errors.Is(err, errLog) && !another:
		return l, fmt.Errorf("the log %s of the database %s, which holds the last writes: %w. Restore a backup of both. To go on without those writes, remove the log and %s", name, path, err, markerPath(path))
	case err != nil && !another:
		return l, err
	case another:
		return l, fmt.Errorf("the log %s holds writes of another database, or of a later state of %s: put those two together that belong together, or, if the database was restored from a backup, remove the log", name, path)
	}
	l.records = records
	return l, nil
}

// replay moves what was left in the log to the database. If it fails, or is
// killed, all of it can be done once more.
func (l *leftover) replay(db *bbolt.DB) error {
	if !l.mark.Open {
		return nil
	}
	t := new(tree)
	for _, r := range l.records {
		if err := t.replay(r, 0); err != nil {
			return err
		}
		l.mark.Seq = r.seq
	}
	if l.lost {
		// Mirrors may have seen what now never was: its numbers are given once more.
		t.set(bMeta, &item{key: keyFeedID, value: []byte(rand.Text())}, 0)
	}
	l.mark.Open = false
	return flush(db, t, l.mark, flushWrites)
}

// beginLog makes a log for a database that has none.
func beginLog(db *bbolt.DB, path, installation string, seq uint64, half int64) (*wal, string, error) {
	id := rand.Text()
	l, err := createLog(path, logHead{Log: id, Installation: installation}, seq, half)
	if err != nil {
		return nil, "", err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketNames[bMeta]))
		if err := meta.Put(keyFormat, strconv.AppendInt(nil, format, 10)); err != nil {
			return err
		}
		return writeMark(tx, logMark{Log: id, Seq: seq, Open: true})
	})
	if err != nil {
		return nil, "", errors.Join(err, l.file.Close())
	}
	return l, id, nil
}
