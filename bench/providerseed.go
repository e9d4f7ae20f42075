package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Of what the store of a provider holds before it starts.
const (
	userPassword = "correct horse battery staple"
	redirectURI  = "https://rp.example.com/cb"
	verifier     = "a-verifier-of-the-length-that-such-verifiers-have"
)

// challenge is the verifier's.
var challenge = func() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}()

// Names of the clients. They are registered once the server stands.
const (
	clientES256   = "es256"   // ID tokens signed by ES256
	clientRS256   = "rs256"   // and by RS256
	clientMachine = "machine" // acts for itself
)

// sold is what a client bought before the run: of each kind there are so many.
type sold struct {
	codes, refresh, access []string
}

// providerSeed is a store as it is where people have signed in.
type providerSeed struct {
	dir   string
	users int
	by    map[string]*sold // by client
}

// seedProvider makes a store of users who all have the same password. What clients
// bought is of users from all over the store.
func seedProvider(ctx context.Context, dir string, users int, want map[string]sales) (*providerSeed, error) {
	s := &providerSeed{dir: dir, users: users, by: map[string]*sold{}}
	hash, err := passwordHash()
	if err != nil {
		return nil, err
	}
	db, err := openAt(dir)
	if err != nil {
		return nil, fmt.Errorf("making the store of the provider: %w", err)
	}
	defer db.Close()
	now := time.Now()
	err = inPages(ctx, db, users, func(tx store.WriteTx, i int) error {
		if err := makeUser(tx, i); err != nil {
			return err
		}
		return tx.PutCredential(&store.Credential{UserID: int64(i + 1), PasswordHash: hash, PasswordChangedAt: now})
	})
	if err != nil {
		return nil, fmt.Errorf("filling the store of the provider: %w", err)
	}
	for client, w := range want {
		bought := new(sold)
		s.by[client] = bought
		for kind, into := range map[store.TokenKind]*[]string{store.KindCode: &bought.codes, store.KindRefresh: &bought.refresh, store.KindAccess: &bought.access} {
			n := w[kind]
			*into = make([]string, n)
			err := inPages(ctx, db, n, func(tx store.WriteTx, i int) error {
				(*into)[i] = store.NewSecret()
				return sell(tx, client, s.spread(i, n), kind, (*into)[i], now)
			})
			if err != nil {
				return nil, fmt.Errorf("filling the store of the provider: %w", err)
			}
		}
	}
	return s, db.Close()
}

// sales are how many of each kind a client has.
type sales map[store.TokenKind]int

// spread is a user's id: the i-th of n that lie all over the store.
func (s *providerSeed) spread(i, n int) int64 { return int64(i)*int64(s.users)/int64(n) + 1 }

// sell leaves behind what authorize and token do.
func sell(tx store.WriteTx, client string, user int64, kind store.TokenKind, secret string, now time.Time) error {
	f := &store.Family{
		ID: store.NewSecret(), ClientID: client, UserID: user, Scopes: []string{"openid", "profile", "email"},
		ACR: "pwd", SID: store.NewSecret(), AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour),
	}
	t := &store.Token{Kind: kind, Hash: store.HashOf(secret), Family: f.ID, Scopes: f.Scopes, CreatedAt: now, ExpiresAt: f.ExpiresAt}
	if kind == store.KindCode {
		t.RedirectURI, t.CodeChallenge, t.Nonce = redirectURI, challenge, "a-nonce"
	}
	if err := tx.PutFamily(f); err != nil {
		return err
	}
	return tx.PutToken(t)
}
