package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// maxIterations of PBKDF2; Django 6 makes 1,200,000.
const maxIterations = 3_000_000

// pbkdf2Hash is "pbkdf2_sha256$<iterations>$<salt>$<key>", as Django writes it.
// It is only ever read: a user who signs in with one gets a new hash.
type pbkdf2Hash struct {
	iterations int
	salt       string // as it is written; Django does not encode it
	key        []byte
}

func parsePBKDF2(encoded string) (storedHash, error) {
	bad := func(what string) (storedHash, error) {
		return nil, fmt.Errorf("%w (pbkdf2_sha256: %s)", ErrMalformed, what)
	}
	parts := strings.Split(encoded, "$")
	if len(parts) != 4 {
		return bad("it must have four parts")
	}
	iterations, ok := number(parts[1], "", maxIterations)
	if !ok {
		return bad(fmt.Sprintf("iterations must be 1 to %d", maxIterations))
	}
	if parts[2] == "" || len(parts[2]) > 128 {
		return bad("the salt must have 1 to 128 bytes")
	}
	key, err := decode(base64.StdEncoding, parts[3], sha256.Size, sha256.Size)
	if err != nil {
		return bad("hash: " + err.Error())
	}
	return pbkdf2Hash{int(iterations), parts[2], key}, nil
}

// matches takes pw as it was typed: Django does not normalise passwords.
func (p pbkdf2Hash) matches(pw string) bool {
	key, err := pbkdf2.Key(sha256.New, pw, []byte(p.salt), p.iterations, len(p.key))
	// The error is that of FIPS mode refusing a short salt or password.
	return err == nil && equal(p.key, key)
}

func (pbkdf2Hash) current(cost) bool { return false }
