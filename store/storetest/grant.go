package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func newFamily(id, client string, user int64) *store.Family {
	return &store.Family{
		ID: id, ClientID: client, UserID: user, Scopes: []string{"openid", "email"}, SID: "sid",
		AuthTime: day, CreatedAt: day, ExpiresAt: day.AddDate(0, 0, 30),
	}
}

func newToken(kind store.TokenKind, secret, family string) *store.Token {
	return &store.Token{Kind: kind, Hash: store.HashOf(secret), Family: family, CreatedAt: day, ExpiresAt: day.Add(time.Hour)}
}

func putFamily(p *place, f *store.Family) {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutFamily(f) })
}

func putToken(p *place, t *store.Token) {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutToken(t) })
}

func readToken(kind store.TokenKind, secret string) func(store.ReadTx) (*store.Token, error) {
	return func(tx store.ReadTx) (*store.Token, error) { return tx.Token(kind, store.HashOf(secret)) }
}

func spend(kind store.TokenKind, secret string) func(store.WriteTx) error {
	return func(tx store.WriteTx) error {
		_, err := tx.SpendToken(kind, store.HashOf(secret))
		return err
	}
}

// testOwnFamily is of a client that acts for itself.
func testOwnFamily(t *testing.T, p *place) {
	f := newFamily("f", "wiki", 0)
	f.Resources, f.Claims, f.ACR = []string{"https://api.example.com", "urn:x"}, `{"userinfo":{"name":null}}`, "1"
	f.Methods = []string{"pwd", "mfa"}
	putFamily(p, f)
	putFamily(p, newFamily("other", "wiki", 7))
	if got := must(p, func(tx store.ReadTx) (*store.Family, error) { return tx.Family("f") }); !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v; want %+v", got, f)
	}
	families := func(userID int64) []*store.Family {
		return must(p, func(tx store.ReadTx) ([]*store.Family, error) { return tx.Families(userID) })
	}
	if got := families(0); len(got) != 0 {
		t.Errorf("user 0 has families: %+v", got)
	}
	token := newToken(store.KindAccess, "a", "f")
	token.Resources = []string{"https://api.example.com"}
	putToken(p, token)
	if got := must(p, readToken(store.KindAccess, "a")); !reflect.DeepEqual(got, token) {
		t.Errorf("got %+v; want %+v", got, token)
	}
	f.UserID = 7
	putFamily(p, f)
	if got := families(7); len(got) != 2 {
		t.Errorf("user 7 has %+v", got)
	}
	f.UserID = 0
	putFamily(p, f)
	if got := families(7); len(got) != 1 {
		t.Errorf("user 7 has still %+v", got)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteFamily("f") })
	gone(p, "its token", readToken(store.KindAccess, "a"))
}

func testFamily(t *testing.T, p *place) {
	f := newFamily("f", "wiki", 7)
	read := func(tx store.ReadTx) (*store.Family, error) { return tx.Family("f") }
	gone(p, "no family", read)
	putFamily(p, f)
	if got := must(p, read); !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v; want %+v", got, f)
	}
	putToken(p, newToken(store.KindAccess, "a", "f"))
	f.ExpiresAt = f.ExpiresAt.Add(time.Hour)
	f.Scopes = []string{"openid"}
	putFamily(p, f)
	if got := must(p, read); !reflect.DeepEqual(got, f) {
		t.Errorf("replaced: got %+v; want %+v", got, f)
	}
	must(p, readToken(store.KindAccess, "a")) // replacing a family keeps its tokens
	putFamily(p, newFamily("ff", "wiki", 7))
	putFamily(p, newFamily("other", "wiki", 8))
	families := func(user int64) (ids []string) {
		for _, f := range must(p, func(tx store.ReadTx) ([]*store.Family, error) { return tx.Families(user) }) {
			ids = append(ids, f.ID)
		}
		return ids
	}
	if got := families(7); !sameSet(got, []string{"f", "ff"}) {
		t.Errorf("families of 7 are %q", got)
	}
	f.UserID = 8
	putFamily(p, f)
	if a, b := families(7), families(8); !sameSet(a, []string{"ff"}) || !sameSet(b, []string{"f", "other"}) {
		t.Errorf("after one moved: %q and %q", a, b)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteFamily("f") })
	gone(p, "a deleted family", read)
	gone(p, "its token", readToken(store.KindAccess, "a"))
	if got := families(8); !sameSet(got, []string{"other"}) {
		t.Errorf("after one was deleted: %q", got)
	}
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteFamily("f") }))
	must(p, func(tx store.ReadTx) (*store.Family, error) { return tx.Family("ff") })
}

func testToken(t *testing.T, p *place) {
	putFamily(p, newFamily("f", "wiki", 7))
	code := newToken(store.KindCode, "c", "f")
	code.Scopes, code.RedirectURI, code.CodeChallenge, code.Nonce = []string{"openid"}, "https://x/cb?a=b", "challenge", "n"
	putToken(p, code)
	if got := must(p, readToken(store.KindCode, "c")); !reflect.DeepEqual(got, code) {
		t.Errorf("got %+v; want %+v", got, code)
	}
	// A kind opens one door.
	gone(p, "a code as access token", readToken(store.KindAccess, "c"))
	notFound(t, "a code as refresh token", p.fails(spend(store.KindRefresh, "c")))
	gone(p, "another hash", readToken(store.KindCode, "d"))
	notFound(t, "a token without a family", p.fails(func(tx store.WriteTx) error { return tx.PutToken(newToken(store.KindCode, "x", "nobody")) }))
	// A token is created once.
	if err := p.fails(func(tx store.WriteTx) error { return tx.PutToken(code) }); !isConflict(err) {
		t.Errorf("creating a token twice: %v; want a ConflictError", err)
	}
	putToken(p, newToken(store.KindAccess, "a", "f"))
	p.update(func(tx store.WriteTx) error { return tx.DeleteToken(store.KindAccess, store.HashOf("a")) })
	gone(p, "a deleted token", readToken(store.KindAccess, "a"))
	notFound(t, "spending a deleted token", p.fails(spend(store.KindAccess, "a")))
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteToken(store.KindAccess, store.HashOf("a")) }))
	must(p, readToken(store.KindCode, "c"))
}

func isConflict(err error) bool {
	_, ok := errors.AsType[*store.ConflictError](err)
	return ok
}

func testTokenSpend(t *testing.T, p *place) {
	putFamily(p, newFamily("f", "wiki", 7))
	tok := newToken(store.KindRefresh, "r", "f")
	putToken(p, tok)
	var got *store.Token
	p.update(func(tx store.WriteTx) error {
		var err error
		got, err = tx.SpendToken(store.KindRefresh, tok.Hash)
		return err
	})
	if !reflect.DeepEqual(got, tok) {
		t.Errorf("spending returned %+v; want %+v", got, tok)
	}
	spent := func(when string) {
		t.Helper()
		gone(p, when+": reading it", readToken(store.KindRefresh, "r"))
		err := p.fails(spend(store.KindRefresh, "r"))
		se, ok := errors.AsType[*store.SpentError](err)
		if !ok || se.Family != "f" || !errors.Is(err, store.ErrSpent) {
			t.Errorf("%s: spending again: %v; want a SpentError of family f", when, err)
		}
	}
	spent("spent")
	if err := p.fails(func(tx store.WriteTx) error { return tx.PutToken(tok) }); !isConflict(err) {
		t.Errorf("creating a spent token again: %v; want a ConflictError", err)
	}
	if err := p.fails(func(tx store.WriteTx) error { return tx.DeleteToken(store.KindRefresh, tok.Hash) }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting a spent token: %v", err)
	}
	spent("after attempts to bring it back")
	p.reopen()
	spent("restarted")
	p.sweepAll(tok.ExpiresAt.Add(time.Hour))
	spent("past the token's own time")
	f := newFamily("f", "wiki", 7)
	f.ExpiresAt = f.ExpiresAt.AddDate(0, 0, 30)
	putFamily(p, f)
	p.sweepAll(day.AddDate(0, 0, 31))
	spent("the family living longer than it first did")
	p.update(func(tx store.WriteTx) error { return tx.DeleteFamily("f") })
	notFound(t, "spending when the family is gone", p.fails(spend(store.KindRefresh, "r")))
	putFamily(p, newFamily("f", "wiki", 7))
	notFound(t, "spending in a new family of that id", p.fails(spend(store.KindRefresh, "r")))

	// A spend that is taken back did not happen.
	putToken(p, newToken(store.KindCode, "c", "f"))
	p.fails(func(tx store.WriteTx) error {
		if err := spend(store.KindCode, "c")(tx); err != nil {
			return err
		}
		if err := spend(store.KindCode, "c")(tx); !errors.Is(err, store.ErrSpent) {
			t.Errorf("spending twice in one transaction: %v", err)
		}
		return errRefused
	})
	p.update(spend(store.KindCode, "c"))
	// A replay kills the family by returning nil.
	p.update(func(tx store.WriteTx) error {
		_, err := tx.SpendToken(store.KindCode, store.HashOf("c"))
		se, ok := errors.AsType[*store.SpentError](err)
		if !ok {
			return err
		}
		return tx.DeleteFamily(se.Family)
	})
	gone(p, "the family of a replayed code", func(tx store.ReadTx) (*store.Family, error) { return tx.Family("f") })
}

func testTokenRace(t *testing.T, p *place) {
	putFamily(p, newFamily("f", "wiki", 7))
	for _, kind := range []store.TokenKind{store.KindCode, store.KindRefresh} {
		putToken(p, newToken(kind, "x", "f"))
		errs := race(p, func(i int, tx store.WriteTx) error {
			if err := spend(kind, "x")(tx); err != nil {
				return err
			}
			return tx.PutToken(newToken(store.KindAccess, string(kind)+name("bought", i), "f"))
		})
		oneWinner(t, errs, store.ErrSpent)
		bought := 0
		for i := range crowd {
			_, err := get(p, readToken(store.KindAccess, string(kind)+name("bought", i)))
			if err == nil {
				bought++
			}
			if (err == nil) != (errs[i] == nil) {
				t.Errorf("%d was told %v, and reading what it bought says %v", i, errs[i], err)
			}
		}
		if bought != 1 {
			t.Errorf("a %s bought %d tokens", kind, bought)
		}
		p.reopen()
		for _, err := range race(p, func(_ int, tx store.WriteTx) error { return spend(kind, "x")(tx) }) {
			if !errors.Is(err, store.ErrSpent) {
				t.Errorf("after a restart: %v; want ErrSpent", err)
			}
		}
	}
	// While a family is being killed, nobody buys anything that outlives it.
	putToken(p, newToken(store.KindRefresh, "last", "f"))
	errs := race(p, func(i int, tx store.WriteTx) error {
		if i == 0 {
			return tx.DeleteFamily("f")
		}
		return tx.PutToken(newToken(store.KindAccess, name("late", i), "f"))
	})
	for i := range crowd {
		if i > 0 && errs[i] != nil && !errors.Is(errs[i], store.ErrNotFound) {
			t.Errorf("a late token: %v", errs[i])
		}
		gone(p, "a token of a killed family", readToken(store.KindAccess, name("late", i)))
	}
}
