package provider

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/caddyito/caddyito/store"
)

// frontChannel are the pages of clients that the browser loads, in frames nobody
// sees, when the session ends (OpenID Connect Front-Channel Logout 1.0 section 3).
// Browsers that keep cookies from frames of other sites make little of them, so it is
// for clients that know nothing better: back-channel logout reaches the others.
func (p *Provider) frontChannel(tx store.ReadTx, s *store.Session) ([]string, error) {
	signIns, err := tx.SignIns(s.Subject)
	if err != nil {
		return nil, fmt.Errorf("reading who is told of the session's end: %w", err)
	}
	var frames []string
	for _, in := range signIns {
		if in.SID != s.SID || in.Issuer != p.Issuer {
			continue
		}
		c, err := p.clientIn(tx, in.ClientID)
		if errors.Is(err, errUnknownClient) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if c.FrontchannelLogoutURI != "" {
			frames = append(frames, appendQuery(c.FrontchannelLogoutURI, url.Values{"iss": {p.Issuer}, "sid": {s.SID}}))
		}
	}
	return frames, nil
}
