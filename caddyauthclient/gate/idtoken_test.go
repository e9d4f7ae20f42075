package gate

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// Whatever the token endpoint gives as an ID token, none is taken but one that the
// issuer signed for this login: changed in whichever part, it is refused.
func FuzzIDToken(f *testing.F) {
	is := newFakeIssuer(f)
	g := newTestGate(f, is)
	found, err := g.issuer.get()
	if err != nil {
		f.Fatal(err)
	}
	a := newAttempt()
	claims := func(change func(map[string]any)) string {
		c := map[string]any{"iss": testIssuer, "aud": testClient, "sub": "u-1", "nonce": a.nonceText(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
		change(c)
		return is.jwt(c)
	}
	good := claims(func(map[string]any) {})
	verify := func(raw string) error {
		ctx := g.issuer.withClient(context.Background())
		_, err := g.verifyIDToken(ctx, found, (&oauth2.Token{AccessToken: "x"}).WithExtra(map[string]any{"id_token": raw}), &a)
		return err
	}
	if err := verify(good); err != nil {
		f.Fatal("the test proves nothing: ", err)
	}
	f.Add(claims(func(c map[string]any) { c["aud"] = []string{testClient, "other"} }))
	f.Add(claims(func(c map[string]any) { c["exp"] = json.Number("1e400") }))
	f.Add(claims(func(c map[string]any) { delete(c, "nonce") }))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("e30.e30.e30")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		if err := verify(raw); err == nil && raw != good {
			t.Errorf("taken: %q", raw)
		}
	})
}
