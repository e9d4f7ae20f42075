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
	// Slots is how many hashes are made at once. By default the slots are those
	// of the process, one for each core, which all Hashers share: however many
	// servers a Caddy has, and while a reload has two of each.
	Slots int
	// Queue is how many may wait for a slot, where Slots is given. Default 32 for
	// each slot, which is about a second.
	Queue int
}

// Hasher hashes and verifies passwords. It is safe for concurrent use.
type Hasher struct {
	cost  cost
	slots *slots
	salt  []byte // of Dummy
}

// slots bounds how many hashes are made at once, and how many wait for that.
type slots struct {
	taken   chan struct{}
	queue   int64
	waiting atomic.Int64
}

func newSlots(n, queue int) *slots {
	if queue <= 0 {
		queue = 32 * n
	}
	return &slots{taken: make(chan struct{}, n), queue: int64(queue)}
}

// ofProcess are the slots of the Hashers that have none of their own.
var ofProcess = newSlots(runtime.GOMAXPROCS(0), 0)

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
	h := &Hasher{cost: c, slots: ofProcess, salt: newSalt()}
	if p.Slots > 0 {
		h.slots = newSlots(p.Slots, p.Queue)
	}
	return h
}

// Hash returns the hash of pw as a PHC string, under a new salt. The error is
// what Check says of a password that is too long, ErrBusy, or ctx's.
func (h *Hasher) Hash(ctx context.Context, pw string) (string, error) {
	if len(pw) > MaxLength {
		return "", errTooLong
	}
	salt := newSalt()
	var key []byte
	err := h.slots.run(ctx, func() { key = h.cost.argon2id(pw, salt, keyLength) })
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
	if err := h.slots.run(ctx, func() { ok = stored.matches(pw) }); err != nil {
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
	return h.slots.run(ctx, func() { h.cost.argon2id(pw, h.salt, keyLength) })
}

// run runs f when one of the slots is free.
func (s *slots) run(ctx context.Context, f func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("waiting to hash a password: %w", err)
	}
	select {
	case s.taken <- struct{}{}:
	default:
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	defer func() { <-s.taken }()
	f()
	return nil
}

// await takes a slot once there is one.
func (s *slots) await(ctx context.Context) error {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.queue {
		return ErrBusy
	}
	select {
	case s.taken <- struct{}{}:
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
