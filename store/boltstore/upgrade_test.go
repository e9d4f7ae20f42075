package boltstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// A database from before mirrors listed their records by version has them listed
// when it is opened, but for those of mirrors that are no more.
func TestOpenFormat2(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	s := openAt(t, path)
	put := func(tx store.WriteTx, mirror, id string, version uint64) error {
		return tx.PutMirrorRecord(mirror, &store.Record{Type: "user", ID: id, Version: version})
	}
	if err := s.Update(t.Context(), func(tx store.WriteTx) error {
		for i := range 25 {
			if err := errors.Join(put(tx, "wiki", strconv.Itoa(i), uint64(100-i)), put(tx, "gone", strconv.Itoa(i), 7), put(tx, "foreign", strconv.Itoa(i), 0)); err != nil {
				return err
			}
		}
		return tx.DeleteMirror("gone")
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := []byte(bucketNames[bMirrorChange])
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(name), tx.Bucket([]byte(bucketNames[bMeta])).Put(keyFormat, []byte("2")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}

	// In many commits, and then once more, as after being killed.
	if db, err = bbolt.Open(path, 0o600, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(db); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(listMirrorRecords(db, 10), db.Close()); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	defer s.Close()
	if err := s.View(t.Context(), func(tx store.ReadTx) error {
		list, err := tx.MirrorChanges("wiki", "user", 90, 100)
		got := ""
		for _, r := range list {
			got += fmt.Sprint(r.ID, "@", r.Version, " ")
		}
		if want := "9@91 8@92 7@93 6@94 5@95 4@96 3@97 2@98 1@99 0@100 "; got != want {
			t.Errorf("changes are %s, want %s", got, want)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	left := func(when string, records, rows int) {
		t.Helper()
		for range 5 {
			if _, err := s.Sweep(t.Context(), time.Now(), 50); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.View(t.Context(), func(tx store.ReadTx) error {
			r := tx.(*readTx)
			if a, b := len(r.keys(bMirrorRecord, nil, -1)), len(r.keys(bMirrorChange, nil, -1)); a != records || b != rows {
				t.Errorf("%s: %d records are left, and %d in the list; want %d and %d", when, a, b, records, rows)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	left("without the mirror that was deleted before", 50, 25)
	if err := s.Update(t.Context(), func(tx store.WriteTx) error { return tx.DeleteMirror("wiki") }); err != nil {
		t.Fatal(err)
	}
	left("without the one deleted since", 25, 0)
}
