package provider

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyito/caddyito/store"
)

// signingKey is a key of the store, opened.
type signingKey struct {
	kid, alg  string
	private   crypto.Signer
	active    time.Time
	retiredAt time.Time
}

// keyring holds the signing keys in memory and follows the store's.
type keyring struct {
	store  store.Store
	master store.MasterKey
	now    func() time.Time
	keys   *follower[*keySet]
	// tending ends what StartKeys began; nil if it did not.
	tending func()

	making sync.Mutex // held while a key is made, which takes long
}

// keySet is what the store had at one moment.
type keySet struct {
	keys      []*signingKey // oldest first
	published *document     // see jwks
}

func newKeyring(s store.Store, master store.MasterKey, now func() time.Time) *keyring {
	k := &keyring{store: s, master: master, now: now}
	k.keys = follow(s, store.EventSigningKeys, k.read)
	return k
}

func (k *keyring) close() {
	if k.tending != nil {
		k.tending()
	}
	k.keys.stop()
}

// all are the keys of the store.
func (k *keyring) all(ctx context.Context) (*keySet, error) { return k.keys.get(ctx) }

func (k *keyring) read(ctx context.Context) (*keySet, error) {
	var stored []*store.SigningKey
	err := k.store.View(ctx, func(tx store.ReadTx) (err error) {
		stored, err = tx.SigningKeys()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	keys := make([]*signingKey, len(stored))
	for i, s := range stored {
		if keys[i], err = k.open(s); err != nil {
			return nil, err
		}
	}
	return &keySet{keys, publish(keys)}, nil
}

func (k *keyring) open(s *store.SigningKey) (*signingKey, error) {
	der, err := k.master.Open(store.SigningKeyPurpose(s.KID), s.Sealed)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", s.KID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", s.KID, err)
	}
	key := &signingKey{kid: s.KID, alg: s.Alg, active: s.ActiveAt, retiredAt: s.RetiredAt}
	fits := false
	switch private := parsed.(type) {
	case *rsa.PrivateKey:
		key.private, fits = private, s.Alg == "RS256"
	case *ecdsa.PrivateKey:
		key.private, fits = private, s.Alg == "ES256"
	case ed25519.PrivateKey:
		key.private, fits = private, s.Alg == "EdDSA"
	}
	if !fits {
		return nil, fmt.Errorf("signing key %s is of another kind than its algorithm %s", s.KID, s.Alg)
	}
	return key, nil
}

// byKID is the key of that name, or nil.
func (k *keyring) byKID(ctx context.Context, kid string) (*signingKey, error) {
	set, err := k.all(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range set.keys {
		if key.kid == kid {
			return key, nil
		}
	}
	return nil, nil
}

// signer is the newest active key for alg, "" for the default. Where
// there is none yet it makes one, which signs at once: Prepare does so for all
// algorithms before anybody is told of keys.
func (k *keyring) signer(ctx context.Context, alg string) (*signingKey, error) {
	alg = cmp.Or(alg, store.DefaultSigningAlg)
	key, err := k.newest(ctx, alg)
	if key != nil || err != nil {
		return key, err
	}
	k.making.Lock()
	defer k.making.Unlock()
	if key, err = k.newest(ctx, alg); key != nil || err != nil {
		return key, err
	}
	made, err := newSigningKey(k.master, alg)
	if err != nil {
		return nil, err
	}
	made.CreatedAt = k.now().UTC()
	made.ActiveAt = made.CreatedAt
	// Of several nodes that do so at once, the one that commits first wins.
	err = k.store.Update(ctx, func(tx store.WriteTx) error {
		there, err := tx.SigningKeys()
		if err != nil || latest(there, alg) != nil {
			return err
		}
		return tx.PutSigningKey(made)
	})
	if err != nil {
		return nil, fmt.Errorf("writing a signing key: %w", err)
	}
	key, err = k.newest(ctx, alg)
	if key == nil && err == nil {
		err = errors.New("no signing key is active; look at the keys' times and this machine's clock")
	}
	return key, err
}

func (k *keyring) newest(ctx context.Context, alg string) (*signingKey, error) {
	set, err := k.all(ctx)
	if err != nil {
		return nil, err
	}
	now := k.now()
	var best *signingKey
	for _, key := range set.keys {
		if key.alg != alg || !key.retiredAt.IsZero() || key.active.After(now) {
			continue
		}
		if best == nil || key.active.After(best.active) {
			best = key
		}
	}
	return best, nil
}

// newSigningKey makes a key, without times. RSA takes long.
func newSigningKey(master store.MasterKey, alg string) (*store.SigningKey, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("unknown algorithm %q", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	kid := store.NewSecret()[:16]
	return &store.SigningKey{KID: kid, Alg: alg, Sealed: master.Seal(store.SigningKeyPurpose(kid), der)}, nil
}
