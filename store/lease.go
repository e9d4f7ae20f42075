package store

import (
	"errors"
	"time"
)

// Lease gives one holder at a time a task that only one may do. A store that one
// process at a time can have open ends them all when it is opened.
type Lease struct {
	Name      string    `json:"name"`
	Holder    string    `json:"holder"`
	ExpiresAt time.Time `json:"expires_at"`
}

// LeaseReader reads leases.
type LeaseReader interface {
	Lease(name string) (*Lease, error)
}

// LeaseWriter writes leases.
type LeaseWriter interface {
	PutLease(*Lease) error
	// DeleteLease returns ErrNotFound if there is none.
	DeleteLease(name string) error
}

// AcquireLease takes or renews the lease for holder until now+ttl, unless
// another holds it, and says whether holder has it now.
func AcquireLease(tx interface {
	LeaseReader
	LeaseWriter
}, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	l, err := tx.Lease(name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err == nil && l.Holder != holder && now.Before(l.ExpiresAt) {
		return false, nil
	}
	return true, tx.PutLease(&Lease{Name: name, Holder: holder, ExpiresAt: now.Add(ttl)})
}

// ReleaseLease gives the lease up if holder has it.
func ReleaseLease(tx interface {
	LeaseReader
	LeaseWriter
}, name, holder string) error {
	l, err := tx.Lease(name)
	if errors.Is(err, ErrNotFound) || err == nil && l.Holder != holder {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.DeleteLease(name)
}
