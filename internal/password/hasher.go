package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// MaxLength is the longest password, in bytes.
const MaxLength = 1024

var (
	// ErrBusy: so many passwords wait to be hashed that this one was not taken
	// in. Answer 503 with Retry-After.
	ErrBusy = errors.New("too many passwords are being checked at the moment; try again in a few seconds")
	// ErrMalformed: what is stored is not a hash of a kind that is known, or
	// asks for more work than is allowed.
	ErrMalformed = errors.New("the stored password hash cannot be read; set a new password")
)

// Params are the cost of a hash and how many are made at once. Zero values mean
// the defaults.
type Params struct {
	// Memory of a hash, in KiB. Default 19456 (19 MiB).
	Memory uint32
	// Time is the number of passes. Default 2.
	Time uint32
	// Threads is the degree of parallelism. Default 1.
	Threads uint8
	// Slots is how many hashes are made at once. Default GOMAXPROCS.
	Slots int
	// Queue is how many may wait for a slot. Default 32 for each slot, which
	// is about a second.
	Queue int
}

// Hasher hashes and verifies passwords. It is safe for concurrent use.
type Hasher struct {
	cost    cost
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	salt    []byte // of Dummy
}

// New returns a Hasher. It panics if p asks for more than Verify would accept,
// since such hashes could never be used.
func New(p Params) *Hasher {
	c := cost{memory: p.Memory, time: p.Time, threads: p.Threads}
	if c.memory == 0 {
		c.memory = 19 << 10
	}
	if c.time == 0 {
		c.time = 2
	}
	if c.threads == 0 {
		c.threads = 1
	}
	if !c.allowed() {
		panic(fmt.Sprintf("password.New: %d KiB, %d passes, %d threads are out of bounds", c.memory, c.time, c.threads))
	}
	if p.Slots <= 0 {
		p.Slots = runtime.GOMAXPROCS(0)
	}
	if p.Queue <= 0 {
		p.Queue = 32 * p.Slots
	}
	return &Hasher{
		cost:  c,
		slots: make(chan struct{}, p.Slots),
		queue: int64(p.Queue),
		salt:  newSalt(),
	}
}

// Hash returns the hash of pw as a PHC string, under a new salt. The error is
// what Check says of a password that is too long, ErrBusy, or ctx's.
func (h *Hasher) Hash(ctx context.Context, pw string) (string, error) {
	if len(pw) > MaxLength {
		return "", errTooLong
	}
	salt := newSalt()
	var key []byte
	err := h.inSlot(ctx, func() { key = h.cost.argon2id(pw, salt, keyLength) })
	if err != nil {
		return "", err
	}
	return argon2idHash{h.cost, salt, key}.String(), nil
}

// Verify says whether encoded was made from pw, and then whether it ought to be
// made anew (weaker or other parameters, or an imported kind). It never says
// yes for an empty or unreadable encoded, and costs the same then as otherwise.
// The error is ErrMalformed, ErrBusy, or ctx's.
//
// An imported PBKDF2 hash costs what it was made with, so until its owner has
// signed in once, its time differs from that of the others.
func (h *Hasher) Verify(ctx context.Context, encoded, pw string) (ok, needsRehash bool, err error) {
	if len(pw) > MaxLength {
		return false, false, nil
	}
	if encoded == "" {
		return false, false, h.Dummy(ctx, pw)
	}
	stored, err := parse(encoded)
	if err != nil {
		if busy := h.Dummy(ctx, pw); busy != nil {
			return false, false, busy
		}
		return false, false, err
	}
	if err := h.inSlot(ctx, func() { ok = stored.matches(pw) }); err != nil {
		return false, false, err
	}
	return ok, ok && !stored.current(h.cost), nil
}

// Dummy costs what Verify does. Call it where there is no user to verify, so
// that the time of the answer does not tell. The error is ErrBusy or ctx's.
func (h *Hasher) Dummy(ctx context.Context, pw string) error {
	if len(pw) > MaxLength {
		return nil
	}
	return h.inSlot(ctx, func() { h.cost.argon2id(pw, h.salt, keyLength) })
}

// inSlot runs f when one of the slots is free.
func (h *Hasher) inSlot(ctx context.Context, f func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting to hash a password: %w", err)
	}
	select {
	case h.slots <- struct{}{}:
	default:
		if err := h.await(ctx); err != nil {
			return err
		}
	}
	defer func() { <-h.slots }()
	f()
	return nil
}

// await takes a slot once there is one.
func (h *Hasher) await(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
}

func newSalt() []byte {
	salt := make([]byte, saltLength)
	rand.Read(salt) // never fails
	return salt
}

// argon2id hashes pw in the Unicode form NFC, so that it does not matter on
// which keyboard an accented letter was typed (RFC 8265 section 4.2).
func (c cost) argon2id(pw string, salt []byte, length uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(pw)), salt, c.time, c.memory, c.threads, length)
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
