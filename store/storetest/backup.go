package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/caddyito/caddyito/store"
)

// Restore makes a store at a place of what Backup wrote, as its command does.
type Restore func(t testing.TB, backup []byte, place string) store.Store

// RunBackup tests what store.Backuper promises.
func RunBackup(t *testing.T, open Open, restore Restore) {
	s := open(t, t.TempDir())
	defer s.Close()
	user := func(s store.Store, name string) *store.User {
		var u *store.User
		err := s.View(context.Background(), func(tx store.ReadTx) (err error) {
			u, err = tx.UserByUsername(name)
			return err
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return u
	}
	create := func(s store.Store, name string) {
		if err := s.Update(context.Background(), func(tx store.WriteTx) error {
			return tx.PutUser(&store.User{Username: name, IsActive: true, DateJoined: day}, nil)
		}); err != nil {
			t.Fatal(err)
		}
	}
	feed := func(s store.Store) (f store.Feed) {
		if err := s.View(context.Background(), func(tx store.ReadTx) (err error) {
			f, err = tx.Feed()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for range 300 {
		create(s, "before"+rnd())
	}
	create(s, "ann")
	at := feed(s)
	var backup bytes.Buffer
	if err := s.(store.Backuper).Backup(context.Background(), &backup); err != nil {
		t.Fatal(err)
	}
	create(s, "bob")
	r := restore(t, backup.Bytes(), t.TempDir())
	defer r.Close()
	if user(r, "ann") == nil || user(r, "bob") != nil {
		t.Error("the copy is not of the moment it was made")
	}
	got := feed(r)
	if got.ID == at.ID || got.ID == "" {
		t.Errorf("the feed of the copy is still %q: no mirror would notice", got.ID)
	}
	if got.Head != at.Head || got.Digest != at.Digest {
		t.Errorf("the copy has %+v, want %+v", got, at)
	}
	create(r, "eve") // it is of use
	if err := s.(store.Backuper).Backup(context.Background(), failingWriter{}); err == nil {
		t.Error("a disk that is full is taken for a backup")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.(store.Backuper).Backup(ctx, &backup); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	create(s, "carl") // and so is the store it was made of
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, ErrFault }

func rnd() string { return store.NewSecret()[:12] }
