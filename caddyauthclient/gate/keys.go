package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysPause is between two looks for keys that strangers' tokens cause:
	// whoever sends tokens of made-up keys does not make the gate storm the issuer.
	keysPause = 10 * time.Second
	// maxKeys of an issuer are tried. More is not a key set but a mistake.
	maxKeys = 50
)

var (
	// errNoKeys says that nobody can tell yet who signed.
	errNoKeys = errors.New("the issuer's keys cannot be read")
	// errSoon says that the key is not known, and was looked for just now.
	errSoon      = fmt.Errorf("%w so soon again", errNoKeys)
	errSignature = errors.New("it is not signed with a key of the issuer")
)

// keySet are the issuer's keys (OpenID Connect Core section 10.1). An unknown
// kid, as after a rotation, makes it look once more, one for all who wait.
type keySet struct {
	url   string
	fetch func(*http.Request) ([]byte, error)
	now   func() time.Time

	// look is held by the one that looks. Buffered, so that others can give up.
	look chan struct{}

	mu     sync.Mutex // guards the rest
	keys   []jose.JSONWebKey
	looked time.Time // when the last look began
}

func newKeySet(url string, fetch func(*http.Request) ([]byte, error), now func() time.Time) *keySet {
	return &keySet{url: url, fetch: fetch, now: now, look: make(chan struct{}, 1)}
}

// VerifySignature is for tokens that the issuer gave to this gate itself: a new
// key that they name is looked for at once.
func (s *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	return s.verify(ctx, jwt, 0)
}

// strangersKeys is the same set for tokens that anybody may bring.
type strangersKeys struct{ *keySet }

func (s strangersKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	return s.verify(ctx, jwt, keysPause)
}

func (s *keySet) verify(ctx context.Context, jwt string, pause time.Duration) ([]byte, error) {
	algs := make([]jose.SignatureAlgorithm, len(asymmetric))
	for i, a := range asymmetric {
		algs[i] = jose.SignatureAlgorithm(a)
	}
	jws, err := jose.ParseSigned(jwt, algs)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errors.New("it is not a JWT with one signature")
	}
	keys, looked := s.known()
	payload, named := tryKeys(jws, keys)
	if payload != nil {
		return payload, nil
	}
	if named && pause > 0 {
		return nil, errSignature // the key is known, and did not sign this
	}
	if keys, err = s.refresh(ctx, looked, pause); err != nil {
		return nil, err
	}
	if payload, _ = tryKeys(jws, keys); payload != nil {
		return payload, nil
	}
	return nil, errSignature
}

func (s *keySet) known() ([]jose.JSONWebKey, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.looked
}

// refresh reads the keys, unless somebody did since seen.
func (s *keySet) refresh(ctx context.Context, seen time.Time, pause time.Duration) ([]jose.JSONWebKey, error) {
	select {
	case s.look <- struct{}{}:
		defer func() { <-s.look }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNoKeys, ctx.Err())
	}
	keys, looked := s.known()
	now := s.now()
	switch {
	case looked.After(seen):
		return keys, nil
	case !looked.IsZero() && now.Sub(looked) < pause:
		return nil, errSoon
	}
	s.mu.Lock()
	s.looked = now // also of a look that fails
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, err := s.fetch(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	if keys, err = parseKeys(body); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	s.mu.Lock()
	s.keys = keys
	s.mu.Unlock()
	return keys, nil
}

// tryKeys returns what jws says if one of keys signed it: the one it names, or,
// where it names none, any. named says whether one was named and known.
func tryKeys(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) (payload []byte, named bool) {
	h := jws.Signatures[0].Header
	for i := range keys {
		k := &keys[i]
		if h.KeyID != "" && k.KeyID != h.KeyID || k.Algorithm != "" && k.Algorithm != h.Algorithm {
			continue
		}
		named = named || h.KeyID != ""
		if payload, err := jws.Verify(k); err == nil {
			return payload, named
		}
	}
	return nil, named
}

// parseKeys reads a JWK Set (RFC 7517 section 5). Keys that are not public keys
// for signatures are left out, and so are those of kinds unknown here.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("it is not a JWK Set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		if keys = append(keys, k); len(keys) == maxKeys {
			break
		}
	}
	return keys, nil
}
