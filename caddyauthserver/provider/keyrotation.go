package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

const (
	// keyPublished is how long before it signs a key is published, so that whoever
	// kept the keys as long as they may has asked again, also through a proxy that
	// kept them too.
	keyPublished = 2 * documentCached
	// keyTended is how often keys are looked after.
	keyTended = documentCached
	// keyKept is how long at the least a key is kept after the next began to sign:
	// as ID tokens come back as hints long after they expired, and as access tokens may
	// live.
	keyKept = max(DefaultSessionAbsolute, time.Duration(store.MaxAccessTokenLifetime))
)

// MinSigningKeyLifetime leaves a key some time between being published and being
// replaced.
const MinSigningKeyLifetime = time.Hour

// latest is the key of alg that signs last, also if it does not yet, or nil.
func latest(keys []*store.SigningKey, alg string) *store.SigningKey {
	var last *store.SigningKey
	for _, key := range keys {
		if key.Alg == alg && key.RetiredAt.IsZero() && (last == nil || key.ActiveAt.After(last.ActiveAt)) {
			last = key
		}
	}
	return last
}

// RotateKeys makes a successor for every signing key in use and returns all keys.
// A successor that waits for its time is enough: asking again makes no other.
func (p *Provider) RotateKeys(ctx context.Context, by store.AuditOrigin) ([]*store.SigningKey, error) {
	return p.rotateKeys(ctx, by, func(last *store.SigningKey, now time.Time) bool {
		return !last.ActiveAt.After(now)
	})
}

// TendKeys replaces the keys that have signed long enough, so that the next is
// published before it signs, and deletes those of which nothing is shown any more.
// Any number of nodes may do so at once.
func (p *Provider) TendKeys(ctx context.Context) error {
	_, err := p.rotateKeys(ctx, store.AuditOrigin{Actor: store.AuditParty{Type: store.ServerParty}, Time: p.now()}, func(last *store.SigningKey, now time.Time) bool {
		return !now.Before(last.ActiveAt.Add(p.SigningKeyLifetime - keyPublished))
	})
	if err != nil {
		return err
	}
	return p.deleteKeys(ctx)
}

func (p *Provider) rotateKeys(ctx context.Context, by store.AuditOrigin, due func(last *store.SigningKey, now time.Time) bool) (keys []*store.SigningKey, err error) {
	p.keys.making.Lock()
	defer p.keys.making.Unlock()
	err = p.Store.View(ctx, func(tx store.ReadTx) (err error) {
		keys, err = tx.SigningKeys()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	// Made before the transaction, where others would wait.
	var made []*store.SigningKey
	for _, alg := range store.SigningAlgs() {
		if last := latest(keys, alg); last == nil || !due(last, p.now()) {
			continue // the first key is made by Prepare
		}
		key, err := newSigningKey(p.MasterKey, alg)
		if err != nil {
			return nil, err
		}
		made = append(made, key)
	}
	if len(made) == 0 {
		return keys, nil
	}
	err = p.Store.Update(ctx, func(tx store.WriteTx) error {
		there, err := tx.SigningKeys()
		if err != nil {
			return err
		}
		now := p.now()
		for _, key := range made {
			if last := latest(there, key.Alg); last == nil || !due(last, now) {
				continue // another node was faster
			}
			next := *key
			next.CreatedAt, next.ActiveAt = now, now.Add(keyPublished)
			if err := tx.PutSigningKey(&next); err != nil {
				return err
			}
			if err := store.Audit(tx, by, store.ActionKeyRotate, store.AuditParty{}, store.AuditChange{Field: key.Alg, New: key.KID}); err != nil {
				return err
			}
		}
		keys, err = tx.SigningKeys()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("writing signing keys: %w", err)
	}
	p.Logger.Info("signing keys are rotated; the next are published and begin to sign later", "signs_in", keyPublished)
	return keys, nil
}

// deleteKeys deletes the keys whose successor has signed for longer than anything
// they signed may be shown.
func (p *Provider) deleteKeys(ctx context.Context) error {
	kept := max(keyKept, p.SessionAbsolute)
	now := p.now()
	outlived := func(keys []*store.SigningKey) (kids []string) {
		for _, key := range keys {
			superseded := slices.ContainsFunc(keys, func(other *store.SigningKey) bool {
				return other.Alg == key.Alg && other.ActiveAt.After(key.ActiveAt) && !now.Before(other.ActiveAt.Add(kept))
			})
			if superseded || !key.RetiredAt.IsZero() && !now.Before(key.RetiredAt.Add(kept)) {
				kids = append(kids, key.KID)
			}
		}
		return kids
	}
	var stored []*store.SigningKey
	err := p.Store.View(ctx, func(tx store.ReadTx) (err error) {
		stored, err = tx.SigningKeys()
		return err
	})
	if err != nil || len(outlived(stored)) == 0 {
		return err
	}
	return p.Store.Update(ctx, func(tx store.WriteTx) error {
		there, err := tx.SigningKeys()
		if err != nil {
			return err
		}
		for _, kid := range outlived(there) {
			if err := tx.DeleteSigningKey(kid); err != nil {
				return fmt.Errorf("deleting signing key %s: %w", kid, err)
			}
		}
		return nil
	})
}

// StartKeys has keys tended until Close.
func (p *Provider) StartKeys() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	p.keys.tending = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := p.TendKeys(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
				p.Logger.Error("cannot look after signing keys; trying again later", "error", err)
			}
			pace.Wait(ctx, keyTended, nil)
		}
	}()
}
