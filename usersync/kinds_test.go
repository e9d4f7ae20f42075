package usersync

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Whatever else is signed in this house, or by who knows what is public, is no
// batch, even where it says all that one does.
func TestOtherKindsAreNoBatch(t *testing.T) {
	m := newMirror(t, openStore(t))
	rc := &Receiver{Mirror: m, Log: slog.New(slog.DiscardHandler)}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	claims := func(more string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":"wiki","iat":%d,"exp":%d,"jti":"j","sub":"1","feed":"f","after":0,"upto":1,"head":1,"changes":[{"type":"user","id":1,"version":1,"data":{"username":"mallory","is_active":true}}]%s}`,
			issuer, now, now+300, more)
	}
	rs256 := func(typ, claims string) []byte {
		token := b64.EncodeToString([]byte(`{"alg":"RS256","typ":"`+typ+`"}`)) + "." + b64.EncodeToString([]byte(claims))
		sum := sha256.Sum256([]byte(token))
		sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return []byte(token + "." + b64.EncodeToString(sig))
	}
	other, err := Key(strings.Repeat("another", 6), issuer)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for what, token := range map[string][]byte{
		"an ID token":                          rs256("JWT", claims(`,"nonce":"n"`)),
		"an access token":                      rs256("at+jwt", claims(`,"scope":"openid"`)),
		"a logout token":                       rs256("logout+jwt", claims(`,"events":{}`)),
		"a batch by the server's RSA key":      rs256(batchType, claims("")),
		"keyed with the public key, PEM":       sign(goodHeader, claims(""), public),
		"keyed with the public key, DER":       sign(goodHeader, claims(""), der),
		"keyed with the plain client secret":   sign(goodHeader, claims(""), []byte(secret)),
		"keyed with another client's key":      sign(goodHeader, claims(""), other),
		"of djangito, by the plain secret":     sign(`{"alg":"HS256","typ":"JWT"}`, claims(""), []byte(secret)),
		"an ID token by the client's own key":  sign(`{"alg":"HS256","typ":"JWT"}`, claims(""), key(t)),
		"an access token by the client's key":  sign(`{"alg":"HS256","typ":"at+jwt"}`, claims(""), key(t)),
		"none, with the right claims":          sign(`{"alg":"none","typ":"`+batchType+`"}`, claims(""), key(t)),
		"in the case of others":                sign(`{"alg":"HS256","typ":"CADDYITO-SYNC+JWT"}`, claims(""), key(t)),
		"in JSON serialization (RFC 7515 7.2)": []byte(`{"payload":"` + b64.EncodeToString([]byte(claims(""))) + `"}`),
	} {
		if w := post(rc, ContentType, token); w.Code != 400 && w.Code != 401 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if got := mirrorState(t, m.Store, "wiki"); got != (store.MirrorState{}) {
		t.Errorf("the mirror took something: %+v", got)
	}
	if w := post(rc, ContentType, sign(goodHeader, claims(""), key(t))); w.Code != 200 {
		t.Errorf("and what is one: %d %s", w.Code, w.Body)
	}
}

// A type that no schema has becomes a record of that type, and of no other.
func TestUnknownType(t *testing.T) {
	m := newMirror(t, openStore(t))
	apply(t, m, &Batch{Feed: "f", Upto: 1, Head: 1, IssuedAt: day.Unix(), Changes: []Change{
		{Type: "gadget", ID: 1, Version: 1, Data: store.Fields{"username": "mallory", "is_active": true}},
	}})
	if record(t, m.Store, "user", 1) != nil || record(t, m.Store, "gadget", 1) == nil {
		t.Error("a record of an unknown type is not what it says it is")
	}
}

// Whatever a server signs, right or wrong, makes nobody an admin and is answered
// as it should be.
func FuzzSigned(f *testing.F) {
	m := newMirror(f, openStore(f))
	m.Now = func() time.Time { return day }
	rc := &Receiver{Mirror: m, Log: slog.New(slog.DiscardHandler)}
	f.Add(claimsWith(`{"type":"user","id":1,"version":5,"data":{"username":"a","is_superuser":true,"is_staff":true}}`))
	f.Add(claimsWith(`{"type":"user","id":1,"version":9,"deleted":true}`, `"resync":true`))
	f.Add(claimsWith(`{"type":"gadget","id":1,"version":9,"data":{"IS_SUPERUSER":true,"company":{"type":"user","id":1}}}`))
	f.Add(claimsWith(``, `"digest":"`+strings.Repeat("0", 64)+`"`))
	f.Fuzz(func(t *testing.T, claims string) {
		w := post(rc, ContentType, sign(goodHeader, claims, key(t)))
		switch w.Code {
		case 200, 400, 409:
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %q", w.Code, w.Body)
		}
		if err := m.Store.View(context.Background(), func(tx store.ReadTx) error {
			for _, mirror := range []string{m.Name, m.fresh()} {
				users, err := tx.MirrorRecords(mirror, store.UserType, "", 100)
				if err != nil {
					return err
				}
				for _, u := range users {
					for _, name := range unsent {
						if _, there := u.Fields[name]; there {
							t.Errorf("%s of %s came with %q", name, u.ID, claims)
						}
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
