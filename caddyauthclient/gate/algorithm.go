package gate

import (
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// asymmetric are the algorithms an ID token may be signed with. "none" proves
// nothing, and HS256 would let whoever knows a public value sign, were the two
// ever mixed up.
var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

func signingAlgs(offered []string) []string {
	var algs []string
	for _, a := range offered {
		if slices.Contains(asymmetric, a) {
			algs = append(algs, a)
		}
	}
	if algs == nil {
		return []string{oidc.RS256} // OpenID Connect Core section 2: the default
	}
	return algs
}

// signing is the issuer as it signs now: if the token is signed with an algorithm that
// its metadata did not list, they are read once more, by one for all, unless that was
// done less than pause ago. No token makes it look that could not be taken then.
func (d *discovery) signing(is *issuer, raw string, pause time.Duration) (*issuer, error) {
	h, err := headerOf(raw)
	if err != nil || slices.Contains(is.algorithms, h.Algorithm) || !slices.Contains(asymmetric, h.Algorithm) {
		return is, nil // as it is, it says what is wrong
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now, current := d.cfg.Now(), d.current.Load()
	switch {
	case slices.Contains(current.algorithms, h.Algorithm):
		return current, nil
	case now.Sub(current.fetched) < pause, now.Sub(d.failedAt) < pause:
		return nil, fmt.Errorf("it is signed with %s, which the issuer's metadata, read just now, do not list", h.Algorithm)
	}
	return d.renew()
}
