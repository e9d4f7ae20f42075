package gate

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/caddyito/caddyito/store"
)

const (
	sealNonceLen    = chacha20poly1305.NonceSizeX
	attemptLifetime = 10 * time.Minute
	// maxRetries is how often a login starts over by itself before a page says
	// that something is wrong.
	maxRetries = 3
	maxState   = 6 << 10 // characters
	spentSize  = 1 << 16 // attempts remembered as used
)

// attempt is a login under way. It is nowhere but in the state parameter
// (RFC 6749 section 4.1.1), sealed, so that starting a million logins fills
// nothing here.
type attempt struct {
	id       [16]byte
	verifier [32]byte // of PKCE (RFC 7636), before base64url
	nonce    [16]byte // of the ID token
	// browser is the hash of the cookie in the browser that began. Whoever
	// brings this state from another browser signs in nobody.
	browser store.Hash
	expires int64 // Unix seconds
	retries uint8
	origin  string // for which the code is asked
	path    string // to go to afterwards
	// sealNonce is for one sealing only: what changes an attempt makes a new one.
	sealNonce [sealNonceLen]byte
}

func (a *attempt) codeVerifier() string { return base64.RawURLEncoding.EncodeToString(a.verifier[:]) }

// codeChallenge is the verifier as the issuer learns it first (RFC 7636 section
// 4.2), before base64url.
func (a *attempt) codeChallenge() [sha256.Size]byte {
	var verifier [43]byte // as long as 32 bytes are in base64url
	base64.RawURLEncoding.Encode(verifier[:], a.verifier[:])
	return sha256.Sum256(verifier[:])
}

func (a *attempt) nonceText() string { return base64.RawURLEncoding.EncodeToString(a.nonce[:]) }

// newAttempt draws the random parts.
func newAttempt() attempt {
	var random [16 + 32 + 16 + sealNonceLen]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return attempt{
		id:        [16]byte(random[:16]),
		verifier:  [32]byte(random[16:48]),
		nonce:     [16]byte(random[48:64]),
		sealNonce: [sealNonceLen]byte(random[64:]),
	}
}

// newSeal is what states are sealed with: XChaCha20-Poly1305, whose nonces are
// long enough to be drawn at random for however many logins.
func newSeal(key [32]byte) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic(err) // only for other lengths of the key
	}
	return aead
}

// stateVersion begins a sealed attempt, and changes with its layout.
const stateVersion = 1

const attemptFixed = 1 + 16 + 32 + 16 + 32 + 8 + 1 + 1

// sealPurpose binds the seal to logins at this gate: other gates may use the
// key.
func sealPurpose(gate string) []byte { return []byte("login at " + gate) }

// sealAttempt makes what goes, in base64url, into the state parameter.
func (g *Gate) sealAttempt(a *attempt) []byte {
	b := make([]byte, 0, sealNonceLen+attemptFixed+len(a.origin)+len(a.path)+chacha20poly1305.Overhead)
	b = append(b, a.sealNonce[:]...)
	b = append(b, stateVersion)
	b = append(b, a.id[:]...)
	b = append(b, a.verifier[:]...)
	b = append(b, a.nonce[:]...)
	b = append(b, a.browser[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.expires))
	b = append(b, a.retries, byte(len(a.origin)))
	b = append(b, a.origin...)
	b = append(b, a.path...)
	nonce, plain := b[:sealNonceLen], b[sealNonceLen:]
	return g.seal.Seal(nonce, nonce, plain, g.purpose) // in place, behind the nonce
}

var errState = errors.New("the state parameter is not one this gate made: it was changed, or sealed with another key")

func (g *Gate) openAttempt(state string) (*attempt, error) {
	// The decoder would skip line ends.
	if len(state) > maxState || strings.ContainsAny(state, "\r\n") {
		return nil, errState
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(state)
	if err != nil || len(sealed) < sealNonceLen {
		return nil, errState
	}
	nonce, sealed := sealed[:sealNonceLen], sealed[sealNonceLen:]
	b, err := g.seal.Open(nil, nonce, sealed, g.purpose)
	if err != nil || len(b) < attemptFixed || b[0] != stateVersion {
		return nil, errState
	}
	a := &attempt{sealNonce: [sealNonceLen]byte(nonce)}
	b = b[1:]
	b = b[copy(a.id[:], b):]
	b = b[copy(a.verifier[:], b):]
	b = b[copy(a.nonce[:], b):]
	b = b[copy(a.browser[:], b):]
	a.expires = int64(binary.BigEndian.Uint64(b))
	a.retries = b[8]
	n := int(b[9])
	b = b[10:]
	if len(b) < n {
		return nil, errState
	}
	a.origin, a.path = string(b[:n]), string(b[n:])
	return a, nil
}

// spent remembers which attempts came back, so that each does so once. It is
// bounded: what is forgotten too early still meets the issuer, which redeems a
// code once (RFC 6749 section 4.1.2).
type spent struct {
	mu  sync.Mutex // guards ids
	ids *recent[[16]byte, [16]byte]
}

func newSpent() *spent {
	self := func(id [16]byte) [16]byte { return id }
	return &spent{ids: newRecent(spentSize, self, nil, nil)}
}

// spend says whether the attempt is used for the first time.
func (s *spent) spend(id [16]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.ids.get(id); ok {
		return false
	}
	s.ids.put(id)
	return true
}
