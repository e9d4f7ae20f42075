package usersync

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

const (
	// ContentType of a batch (RFC 7519 section 10.3.1).
	ContentType = "application/jwt"
	// MaxBatch is the longest batch that is read, in bytes.
	MaxBatch = 4 << 20
	// MinSecret is the shortest client secret that may sign, in bytes.
	MinSecret = 32

	batchType     = "caddyito-sync+jwt"
	batchLifetime = 5 * time.Minute
	leeway        = time.Minute
	maxHeader     = 1 << 10
	maxDepth      = 8
)

// Batch is what the server tells a mirror: the changes after one seq of its feed
// up to another.
type Batch struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"` // the client id
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`

	Feed string `json:"feed"`
	// View is which part of the feed the client is told of, and in which form.
	View  string `json:"view"`
	After uint64 `json:"after"`
	Upto  uint64 `json:"upto"`
	// Head of the feed when the batch was made.
	Head uint64 `json:"head"`
	// Resync tells the mirror to begin anew, wherever it stands.
	Resync  bool     `json:"resync,omitempty"`
	Changes []Change `json:"changes"`
	// Digest of what the mirror should hold, where Upto is Head.
	Digest *store.Digest `json:"digest,omitempty"`

	text []byte // of the changes, where they were written already to know their size
}

// Change is a record as it is now, or that it is no more.
type Change struct {
	Type    string       `json:"type"`
	ID      int64        `json:"id"`
	Version uint64       `json:"version"`
	Data    store.Fields `json:"data,omitempty"`
	Deleted bool         `json:"deleted,omitempty"`
}

// Key signs the batches of one client: derived from its secret, so that nothing
// else that is signed with the secret can pass as a batch.
func Key(secret, issuer string) ([]byte, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the client secret has %d bytes; for sync it must have at least %d: rotate it (caddy auth client rotate-secret)", len(secret), MinSecret)
	}
	return hkdf.Key(sha256.New, []byte(secret), []byte(issuer), "caddyito/sync/v1", 32)
}

var (
	b64       = base64.RawURLEncoding.Strict()
	jwtHeader = b64.EncodeToString([]byte(`{"alg":"HS256","typ":"` + batchType + `"}`))
)

// Sign makes a compact JWS (RFC 7515) of b. It sets when b was issued and
// expires, and its id.
func Sign(b *Batch, key []byte, now time.Time) ([]byte, error) {
	b.IssuedAt, b.Expires, b.ID = now.Unix(), now.Add(batchLifetime).Unix(), store.NewSecret()
	claims, err := appendClaims(nil, b)
	if err != nil {
		return nil, fmt.Errorf("writing a batch: %w", err)
	}
	token := make([]byte, 0, len(jwtHeader)+b64.EncodedLen(len(claims))+b64.EncodedLen(sha256.Size)+2)
	token = append(append(token, jwtHeader...), '.')
	token = b64.AppendEncode(token, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write(token)
	return b64.AppendEncode(append(token, '.'), mac.Sum(nil)), nil
}

// RefusedError says why a batch is not applied. Code is of RFC 8935 section 2.4.
type RefusedError struct {
	Code        string
	Description string
}

func (e *RefusedError) Error() string { return e.Description }

// Codes of a RefusedError.
const (
	codeInvalid   = "invalid_request"
	codeKey       = "authentication_failed"
	codeIssuer    = "invalid_issuer"
	codeAudience  = "invalid_audience"
	codeForbidden = "access_denied"
)

func refused(code, format string, args ...any) error {
	return &RefusedError{code, fmt.Sprintf(format, args...)}
}

// Verify reads a batch and checks that it is one, of the issuer, for the client,
// and fresh. Whatever is wrong is a *RefusedError.
func Verify(token []byte, key []byte, issuer, clientID string, now time.Time) (*Batch, error) {
	claims, err := open(token, key)
	if err != nil {
		return nil, err
	}
	b, err := readClaims(claims)
	if err != nil {
		return nil, refused(codeInvalid, "the claims cannot be read: %v", err)
	}
	issued, expires := time.Unix(b.IssuedAt, 0), time.Unix(b.Expires, 0)
	switch {
	case b.Issuer != issuer:
		return nil, refused(codeIssuer, "the batch is of another issuer than %s", issuer)
	case b.Audience != clientID:
		return nil, refused(codeAudience, "the batch is for another client than %s", clientID)
	case b.IssuedAt <= 0 || b.Expires <= b.IssuedAt || b.Expires-b.IssuedAt > int64(batchLifetime/time.Second):
		return nil, refused(codeInvalid, "the batch lives longer than %s, or does not say when it was made", batchLifetime)
	case now.Add(leeway).Before(issued):
		return nil, refused(codeInvalid, "the batch was made at %s and here it is %s: the clocks differ by %s; set them right (NTP) on both machines", stamp(issued), stamp(now), issued.Sub(now).Round(time.Second))
	case !now.Add(-leeway).Before(expires):
		return nil, refused(codeInvalid, "the batch expired at %s and here it is %s: it is old, or the clocks differ; set them right (NTP) on both machines", stamp(expires), stamp(now))
	}
	if err := b.check(); err != nil {
		return nil, refused(codeInvalid, "%v", err)
	}
	return b, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// open checks the signature and returns the claims, of which nothing was read
// before.
func open(token, key []byte) ([]byte, error) {
	if len(token) > MaxBatch {
		return nil, refused(codeInvalid, "the batch is longer than %d bytes", MaxBatch)
	}
	if len(key) == 0 {
		return nil, refused(codeKey, "there is no key")
	}
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 || len(parts[0]) > maxHeader {
		return nil, refused(codeInvalid, "this is no compact JWS")
	}
	raw, err := b64.DecodeString(parts[0])
	if err != nil {
		return nil, refused(codeInvalid, "the header is not base64url")
	}
	if err := checkHeader(raw); err != nil {
		return nil, err
	}
	signature, err := b64.DecodeString(parts[2])
	if err != nil {
		return nil, refused(codeInvalid, "the signature is not base64url")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(token[:len(parts[0])+1+len(parts[1])])
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return nil, refused(codeKey, "the signature is wrong: server and gate have different client secrets, or name the issuer differently")
	}
	claims, err := b64.DecodeString(parts[1])
	if err != nil {
		return nil, refused(codeInvalid, "the claims are not base64url")
	}
	return claims, nil
}

// checkHeader takes a header with alg and typ and nothing else: crit, jku, jwk,
// x5u and their like have no place here (RFC 8725 sections 3.1, 3.10, 3.11).
func checkHeader(raw []byte) error {
	if err := CheckShape(raw, 1); err != nil {
		return refused(codeInvalid, "the header is not fit: %v", err)
	}
	var h map[string]any
	if err := json.Unmarshal(raw, &h); err != nil {
		return refused(codeInvalid, "the header is no JSON object")
	}
	if h["typ"] != batchType {
		return refused(codeInvalid, "this is no batch: its typ is not %s", batchType)
	}
	if h["alg"] != "HS256" {
		return refused(codeInvalid, "the algorithm is not HS256")
	}
	if len(h) != 2 {
		return refused(codeInvalid, "the header has parameters besides alg and typ")
	}
	return nil
}

// isName says whether s can be a type or a field of a schema.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 50
}

// check says what cannot be in a batch of ours.
func (b *Batch) check() error {
	if b.Feed == "" || len(b.Feed) > 200 {
		return errors.New("the batch names no feed")
	}
	if len(b.View) > 200 {
		return errors.New("the batch's view has too long a name")
	}
	if b.After > b.Upto || b.Upto > b.Head {
		return fmt.Errorf("the batch goes from %d to %d of %d", b.After, b.Upto, b.Head)
	}
	for i, c := range b.Changes {
		switch {
		case !isName(c.Type):
			return fmt.Errorf("change %d: %.60q is no type of record", i, c.Type)
		case c.ID <= 0:
			return fmt.Errorf("change %d: the id %d is not positive", i, c.ID)
		case c.Version <= b.After || c.Version > b.Upto:
			return fmt.Errorf("change %d: version %d is not among those from %d to %d", i, c.Version, b.After, b.Upto)
		case c.Deleted == (c.Data != nil):
			return fmt.Errorf("change %d: it must have either data or deleted", i)
		}
	}
	return nil
}
