package password

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	saltLength = 16
	keyLength  = 32
)

// Bounds of what a stored hash may ask for: it may have been imported, and must
// not be able to eat the memory or the time of the server.
const (
	maxEncoded = 512
	maxMemory  = 128 << 10 // KiB
	maxTime    = 10
	maxThreads = 16
)

// cost is what an argon2id hash costs.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// allowed also holds the lower bounds of RFC 9106 section 3.1, below which the
// parameters would silently be others than those written.
func (c cost) allowed() bool {
	return c.time >= 1 && c.time <= maxTime &&
		c.threads >= 1 && c.threads <= maxThreads &&
		c.memory >= 8*uint32(c.threads) && c.memory <= maxMemory
}

// storedHash is a hash as it was parsed.
type storedHash interface {
	matches(pw string) bool
	// current says whether a new hash would be no better.
	current(cost) bool
}

// CheckHash says what is wrong with a hash that was made elsewhere.
func CheckHash(encoded string) error {
	_, err := parse(encoded)
	return err
}

func parse(encoded string) (storedHash, error) {
	switch {
	case len(encoded) > maxEncoded:
		return nil, fmt.Errorf("%w (it has %d bytes, and at most %d are allowed)", ErrMalformed, len(encoded), maxEncoded)
	case strings.HasPrefix(encoded, "$argon2id$"):
		return parseArgon2id(encoded)
	case strings.HasPrefix(encoded, "pbkdf2_sha256$"):
		return parsePBKDF2(encoded)
	default:
		return nil, fmt.Errorf("%w (it is neither argon2id nor pbkdf2_sha256)", ErrMalformed)
	}
}

// argon2idHash is "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>", the PHC string
// format.
type argon2idHash struct {
	cost      cost
	salt, key []byte
}

func (a argon2idHash) String() string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, a.cost.memory, a.cost.time, a.cost.threads, enc(a.salt), enc(a.key))
}

func (a argon2idHash) matches(pw string) bool {
	return equal(a.key, a.cost.argon2id(pw, a.salt, uint32(len(a.key))))
}

func (a argon2idHash) current(c cost) bool {
	return a.cost == c && len(a.salt) >= saltLength && len(a.key) >= keyLength
}

func parseArgon2id(encoded string) (storedHash, error) {
	bad := func(what string) (storedHash, error) {
		return nil, fmt.Errorf("%w (argon2id: %s)", ErrMalformed, what)
	}
	parts := strings.Split(encoded, "$") // "", argon2id, v, m,t,p, salt, key
	if len(parts) != 6 {
		return bad("it must have five parts")
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return bad("only version 19 is known")
	}
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return bad("the parameters must be m, t and p")
	}
	m, okM := number(params[0], "m=", maxMemory)
	t, okT := number(params[1], "t=", maxTime)
	p, okP := number(params[2], "p=", maxThreads)
	c := cost{memory: uint32(m), time: uint32(t), threads: uint8(p)}
	if !okM || !okT || !okP || !c.allowed() {
		return bad(fmt.Sprintf("the parameters must be at most m=%d, t=%d, p=%d", maxMemory, maxTime, maxThreads))
	}
	salt, err := decode(base64.RawStdEncoding, parts[4], 8, 64)
	if err != nil {
		return bad("salt: " + err.Error())
	}
	key, err := decode(base64.RawStdEncoding, parts[5], 16, 64)
	if err != nil {
		return bad("hash: " + err.Error())
	}
	return argon2idHash{c, salt, key}, nil
}

// number reads a decimal number in its one spelling, from 1 to limit.
func number(s, prefix string, limit uint64) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 || n > limit || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return n, true
}

// decode reads base64 of least to most bytes in its one spelling.
func decode(enc *base64.Encoding, s string, least, most int) ([]byte, error) {
	// encoding/base64 skips line ends even when strict.
	if strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("it holds a line end")
	}
	b, err := enc.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("it is not base64")
	}
	if len(b) < least || len(b) > most {
		return nil, fmt.Errorf("it has %d bytes instead of %d to %d", len(b), least, most)
	}
	return b, nil
}
