package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// seeded is a directory of data for a Caddy with a gate, as it is after people
// have signed in there.
type seeded struct {
	dir string
	ids []string // of the sessions, as in the cookie
	// realm of the sessions: the gate's name, part of its cookies' names.
	realm string
}

// seed makes a store that holds users, one company for every hundred of them,
// and a session for each.
func seed(ctx context.Context, dir, realm string, users int) (*seeded, error) {
	s := &seeded{dir: dir, realm: realm, ids: make([]string, users)}
	path := filepath.Join(dir, "caddy", "caddyito", "auth.db") // below Caddy's data directory
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the store of the gate: %w", err)
	}
	db, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return nil, fmt.Errorf("making the store of the gate: %w", err)
	}
	defer db.Close()
	for i := range s.ids {
		s.ids[i] = store.NewSecret()
	}
	const batch = 10_000
	for from := 0; from < users; from += batch {
		err := db.Update(ctx, func(tx store.WriteTx) error {
			for i := from; i < min(from+batch, users); i++ {
				if err := signIn(tx, realm, i, s.ids[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("filling the store of the gate: %w", err)
		}
	}
	return s, db.Close()
}

// signIn leaves behind what a login does: the user, the company, a session.
func signIn(tx store.WriteTx, realm string, i int, session string) error {
	now := time.Now()
	company := store.Object{ID: int64(i/100 + 1), Version: uint64(2*i + 1), Type: "company",
		Fields: store.Fields{"name": "Company " + strconv.Itoa(i/100+1), "primary_activity": "Buyer"}}
	user := store.User{ID: int64(i + 1), Version: uint64(2*i + 2), Username: username(i),
		Email: username(i) + "@example.com", EmailVerified: true, FirstName: "User", LastName: "Number " + strconv.Itoa(i+1),
		Groups: []string{"staff", "wiki"}, IsActive: true, DateJoined: now, LastLogin: now,
		Fields: store.Fields{"company": store.Ref{Type: "company", ID: company.ID}}}
	record := user.Record()
	for _, r := range []*store.Record{company.Record(), record} {
		if err := tx.PutMirrorRecord(realm, r); err != nil {
			return err
		}
	}
	return tx.PutSession(&store.Session{
		Realm: realm, Hash: store.HashOf(session), Subject: record.ID, SID: store.NewSecret(),
		// Seen later than any start of a run: else the last ones would write when each was.
		CreatedAt: now, AuthTime: now, LastSeen: now.Add(time.Hour), IdleExpiresAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(7 * 24 * time.Hour),
		IP: "127.0.0.1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
	})
}

// credentials are what the browsers of the sessions send.
func (s *seeded) credentials() []string {
	headers := make([]string, len(s.ids))
	for i, id := range s.ids {
		headers[i] = "Cookie: caddyito-" + s.realm + "=" + id
	}
	return headers
}

func username(i int) string { return "user" + strconv.Itoa(i+1) }

// copyTo gives a Caddy its own copy of the data: a store is open in one
// process only.
func (s *seeded) copyTo(dir string) error {
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		return fmt.Errorf("copying the store of the gate: %w", err)
	}
	return nil
}
