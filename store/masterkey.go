package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// MasterKey encrypts what must not be readable in the database but is needed
// in the clear: client secrets and signing keys. It lies outside the database.
type MasterKey [32]byte

// NewMasterKey makes a random one.
func NewMasterKey() MasterKey {
	var k MasterKey
	rand.Read(k[:]) // never fails (crypto/rand)
	return k
}

// ParseMasterKey reads what String wrote: 32 bytes in base64url. Surrounding
// white space is fine.
func ParseMasterKey(s string) (MasterKey, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != len(MasterKey{}) {
		return MasterKey{}, errors.New("a master key is 32 bytes in base64url without padding (43 characters)")
	}
	return MasterKey(b), nil
}

// Encode is the key as text, for its file.
func (k MasterKey) Encode() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// String keeps the key out of logs.
func (k MasterKey) String() string { return "MasterKey(hidden)" }

// GoString keeps the key out of logs.
func (k MasterKey) GoString() string { return k.String() }

// Derive makes a key of its own for a purpose (HKDF-SHA256, RFC 5869). The same
// purpose always gives the same key.
func (k MasterKey) Derive(purpose string) [32]byte {
	b, err := hkdf.Key(sha256.New, k[:], nil, "caddyito/"+purpose, 32)
	if err != nil {
		panic(err) // only for lengths out of range
	}
	return [32]byte(b)
}

// Seal encrypts b for a purpose: AES-256-GCM under a derived key, the nonce in
// front. Only Open with the same key and purpose reads it.
func (k MasterKey) Seal(purpose string, b []byte) []byte {
	return k.aead(purpose).Seal(nil, nil, b, nil)
}

// Open decrypts what Seal made. The error says nothing of the contents.
func (k MasterKey) Open(purpose string, sealed []byte) ([]byte, error) {
	b, err := k.aead(purpose).Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt %s: wrong master key or damaged data", purpose)
	}
	return b, nil
}

func (k MasterKey) aead(purpose string) cipher.AEAD {
	key := k.Derive("seal/" + purpose)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only for key lengths out of range
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for other block sizes
	}
	return aead
}

const keyCheckPurpose = "key-check"

// ErrWrongMasterKey says that the database was sealed with another master key.
var ErrWrongMasterKey = errors.New("the master key is not the one this database was made with")

// CheckMasterKey compares k with the key that the store was first used with;
// the first use decides.
func CheckMasterKey(tx interface {
	MetaReader
	MetaWriter
}, k MasterKey) error {
	m, err := tx.Meta()
	if err != nil {
		return err
	}
	if m.KeyCheck == nil {
		m.KeyCheck = k.Seal(keyCheckPurpose, []byte(m.InstallationID))
		return tx.PutMeta(m)
	}
	id, err := k.Open(keyCheckPurpose, m.KeyCheck)
	if err != nil || string(id) != m.InstallationID {
		return ErrWrongMasterKey
	}
	return nil
}
