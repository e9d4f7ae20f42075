package provider

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
)

// jwks publishes the public half of every key in the store: before it signs,
// while it does, and as long as what it signed may be shown (RFC 7517).
func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) {
	// Nobody caches a set without the keys that will be signed with meanwhile.
	if err := p.Prepare(r.Context()); err != nil {
		p.oauthFailure(w, r, "reading signing keys", err)
		return
	}
	keys, err := p.keys.all(r.Context())
	if err != nil {
		p.oauthFailure(w, r, "reading signing keys", err)
		return
	}
	keys.published.serve(w)
}

// publish is the document with the public half of every key.
func publish(keys []*signingKey) *document {
	set := make([]map[string]string, 0, len(keys))
	for _, k := range keys {
		set = append(set, jwk(k))
	}
	return newDocument(map[string]any{"keys": set})
}

// jwk is the public half of k (RFC 7518 section 6, RFC 8037 section 2).
func jwk(k *signingKey) map[string]string {
	j := map[string]string{"use": "sig", "kid": k.kid, "alg": k.alg}
	enc := base64.RawURLEncoding.EncodeToString
	switch pub := k.private.Public().(type) {
	case *rsa.PublicKey:
		j["kty"] = "RSA"
		j["n"], j["e"] = enc(pub.N.Bytes()), enc(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 4, x, y
		if err != nil {
			panic(err) // only for keys that are not on a NIST curve
		}
		half := (len(point) - 1) / 2
		j["kty"], j["crv"] = "EC", pub.Params().Name
		j["x"], j["y"] = enc(point[1:1+half]), enc(point[1+half:])
	case ed25519.PublicKey:
		j["kty"], j["crv"], j["x"] = "OKP", "Ed25519", enc(pub)
	}
	return j
}
