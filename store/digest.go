package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"
)

// Digest is a sum over the rows of a feed, or the records of a mirror: of the
// SHA-256 of each one's type, id, version and whether it is deleted, modulo
// 2^256. So it does not depend on the order in which they came, and changes with
// one of them at a cost that does not grow with how many there are. Two that
// hold the same have the same digest; two that differ by mistake do not.
type Digest [sha256.Size]byte

// Add puts a record into the sum.
func (d *Digest) Add(typ, id string, version uint64, deleted bool) {
	n := rowDigest(typ, id, version, deleted)
	carry := uint64(0)
	for i := len(d) - 8; i >= 0; i -= 8 {
		var word uint64
		word, carry = bits.Add64(binary.BigEndian.Uint64(d[i:]), binary.BigEndian.Uint64(n[i:]), carry)
		binary.BigEndian.PutUint64(d[i:], word)
	}
}

// Remove takes a record out of the sum, as it was added.
func (d *Digest) Remove(typ, id string, version uint64, deleted bool) {
	n := rowDigest(typ, id, version, deleted)
	borrow := uint64(0)
	for i := len(d) - 8; i >= 0; i -= 8 {
		var word uint64
		word, borrow = bits.Sub64(binary.BigEndian.Uint64(d[i:]), binary.BigEndian.Uint64(n[i:]), borrow)
		binary.BigEndian.PutUint64(d[i:], word)
	}
}

func rowDigest(typ, id string, version uint64, deleted bool) Digest {
	b := make([]byte, 0, 64)
	// Lengths in front: no two rows are written alike.
	b = append(binary.AppendUvarint(b, uint64(len(typ))), typ...)
	b = append(binary.AppendUvarint(b, uint64(len(id))), id...)
	b = binary.BigEndian.AppendUint64(b, version)
	if deleted {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return sha256.Sum256(b)
}

// MarshalText writes it in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(d) {
		return errors.New("a digest is 64 hexadecimal digits")
	}
	*d = Digest(b)
	return nil
}
