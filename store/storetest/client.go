package storetest

import (
	"reflect"
	"slices"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func testClient(t *testing.T, p *place) {
	c := &store.Client{ID: "wiki", Secrets: []store.ClientSecret{{Sealed: []byte{1, 2, 0}, CreatedAt: day}, {Sealed: []byte{3}, CreatedAt: day, ExpiresAt: day}}, CreatedAt: day, ClientSettings: store.ClientSettings{
		Name:         "The wiki",
		RedirectURIs: []string{"https://wiki.example.com/oidc/callback"},
		SkipConsent:  true,
		Scopes:       []string{"openid"},
	}, SelfRegistration: &store.SelfRegistration{
		Token: store.HashOf("token"), AuthMethod: "none", Invitation: store.Invitation{Name: "Wiki", Origins: []string{"https://wiki.example.com"}},
		GrantTypes: []string{"authorization_code"}, RequirePAR: true,
	}}
	put := func(c *store.Client) {
		t.Helper()
		p.update(func(tx store.WriteTx) error { return tx.PutClient(c) })
	}
	read := func(id string) func(store.ReadTx) (*store.Client, error) {
		return func(tx store.ReadTx) (*store.Client, error) { return tx.Client(id) }
	}
	gone(p, "no client", read("wiki"))
	gone(p, "an empty id", read(""))
	put(c)
	if got := must(p, read("wiki")); !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v; want %+v", got, c)
	}
	gone(p, "part of an id", read("wik"))
	gone(p, "an id in another case", read("Wiki"))
	c.Secrets, c.Disabled, c.SelfRegistration = nil, true, nil
	put(c)
	if got := must(p, read("wiki")); len(got.Secrets) != 0 || !got.Disabled || got.SelfRegistration != nil {
		t.Errorf("a replaced client is %+v", got)
	}
	for _, id := range []string{"b", "a", "c", "a:b", "B"} {
		put(&store.Client{ID: id})
	}
	ids := func(after string, limit int) (ids []string) {
		for _, c := range must(p, func(tx store.ReadTx) ([]*store.Client, error) { return tx.Clients(after, limit) }) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if got, want := ids("", 10), []string{"B", "a", "a:b", "b", "c", "wiki"}; !slices.Equal(got, want) {
		t.Errorf("clients are %q; want %q", got, want)
	}
	if got, want := ids("a", 2), []string{"a:b", "b"}; !slices.Equal(got, want) {
		t.Errorf("a page of clients is %q; want %q", got, want)
	}
	p.fails(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{}) })
}

func testClientDelete(t *testing.T, p *place) {
	for _, id := range []string{"wiki", "other"} {
		p.update(func(tx store.WriteTx) error {
			if err := tx.PutClient(&store.Client{ID: id}); err != nil {
				return err
			}
			for user := int64(1); user <= 3; user++ {
				f := newFamily(name(id, int(user)), id, user)
				if err := tx.PutFamily(f); err != nil {
					return err
				}
				if err := tx.PutToken(newToken(store.KindAccess, f.ID, f.ID)); err != nil {
					return err
				}
				if err := tx.PutToken(newToken(store.KindRefresh, f.ID, f.ID)); err != nil {
					return err
				}
				if err := tx.PutConsent(&store.Consent{UserID: user, ClientID: id, GrantedAt: day}); err != nil {
					return err
				}
			}
			_, err := tx.SpendToken(store.KindRefresh, store.HashOf(name(id, 1)))
			return err
		})
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteClient("wiki") }))
	check := func(when string) {
		t.Helper()
		gone(p, when+": family", func(tx store.ReadTx) (*store.Family, error) { return tx.Family(name("wiki", 1)) })
		gone(p, when+": token", func(tx store.ReadTx) (*store.Token, error) {
			return tx.Token(store.KindAccess, store.HashOf(name("wiki", 2)))
		})
		for _, i := range []int{1, 2} {
			notFound(t, when+": spending", p.fails(func(tx store.WriteTx) error {
				_, err := tx.SpendToken(store.KindRefresh, store.HashOf(name("wiki", i)))
				return err
			}))
		}
		notFound(t, when+": a new token", p.fails(func(tx store.WriteTx) error {
			return tx.PutToken(newToken(store.KindAccess, "new", name("wiki", 1)))
		}))
		notFound(t, when+": deleting a family", p.fails(func(tx store.WriteTx) error { return tx.DeleteFamily(name("wiki", 1)) }))
		gone(p, when+": consent", func(tx store.ReadTx) (*store.Consent, error) { return tx.Consent(1, "wiki") })
		notFound(t, when+": deleting a consent", p.fails(func(tx store.WriteTx) error { return tx.DeleteConsent(1, "wiki") }))
		if got := must(p, func(tx store.ReadTx) ([]*store.Family, error) { return tx.Families(1) }); len(got) != 1 || got[0].ClientID != "other" {
			t.Errorf("%s: the user's families are %v", when, got)
		}
		if got := must(p, func(tx store.ReadTx) ([]*store.Consent, error) { return tx.Consents(1) }); len(got) != 1 || got[0].ClientID != "other" {
			t.Errorf("%s: the user's consents are %v", when, got)
		}
		if tok := must(p, func(tx store.ReadTx) (*store.Token, error) {
			return tx.Token(store.KindAccess, store.HashOf(name("other", 2)))
		}); tok.Family != name("other", 2) {
			t.Errorf("%s: another client's token is of %q", when, tok.Family)
		}
	}
	check("deleted")
	// A new client of that id is another: what the old one had stays dead.
	p.update(func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
	check("made anew")
	p.reopen()
	check("restarted")
	p.sweepAll(day)
	check("swept")
	// And what the new one gets, lives.
	p.update(func(tx store.WriteTx) error {
		if err := tx.PutConsent(&store.Consent{UserID: 2, ClientID: "wiki", GrantedAt: day}); err != nil {
			return err
		}
		return tx.PutFamily(newFamily(name("wiki", 2), "wiki", 2))
	})
	p.sweepAll(day)
	p.view(func(tx store.ReadTx) error { _, err := tx.Consent(2, "wiki"); return err })
	p.view(func(tx store.ReadTx) error { _, err := tx.Family(name("wiki", 2)); return err })
	gone(p, "a token of the dead family of that id", func(tx store.ReadTx) (*store.Token, error) {
		return tx.Token(store.KindAccess, store.HashOf(name("wiki", 2)))
	})
}

func testConsent(t *testing.T, p *place) {
	c := &store.Consent{UserID: 7, ClientID: "wiki", Scopes: []string{"openid", "email"}, GrantedAt: day}
	put := func(c *store.Consent) {
		t.Helper()
		p.update(func(tx store.WriteTx) error { return tx.PutConsent(c) })
	}
	read := func(user int64, client string) func(store.ReadTx) (*store.Consent, error) {
		return func(tx store.ReadTx) (*store.Consent, error) { return tx.Consent(user, client) }
	}
	gone(p, "no consent", read(7, "wiki"))
	put(c)
	if got := must(p, read(7, "wiki")); !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v", got)
	}
	c.Scopes = []string{"openid"}
	put(c)
	if got := must(p, read(7, "wiki")); !slices.Equal(got.Scopes, c.Scopes) {
		t.Errorf("replaced scopes are %v", got.Scopes)
	}
	put(&store.Consent{UserID: 7, ClientID: "a", GrantedAt: day})
	put(&store.Consent{UserID: 8, ClientID: "b", GrantedAt: day})
	var ids []string
	for _, c := range must(p, func(tx store.ReadTx) ([]*store.Consent, error) { return tx.Consents(7) }) {
		ids = append(ids, c.ClientID)
	}
	if want := []string{"a", "wiki"}; !slices.Equal(ids, want) {
		t.Errorf("consents of a user are %q; want %q", ids, want)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteConsent(7, "wiki") })
	gone(p, "a deleted consent", read(7, "wiki"))
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteConsent(7, "wiki") }))
}

func testSigningKey(t *testing.T, p *place) {
	put := func(k *store.SigningKey) {
		t.Helper()
		p.update(func(tx store.WriteTx) error { return tx.PutSigningKey(k) })
	}
	young := &store.SigningKey{KID: "a", Alg: "ES256", Sealed: []byte{1}, CreatedAt: day.AddDate(0, 0, 1), ActiveAt: day.AddDate(0, 0, 2)}
	old := &store.SigningKey{KID: "b", Alg: "RS256", Sealed: []byte{2}, CreatedAt: day, ActiveAt: day}
	put(young)
	put(old)
	if got := must(p, store.ReadTx.SigningKeys); !reflect.DeepEqual(got, []*store.SigningKey{old, young}) {
		t.Errorf("keys are %+v; want the oldest first", got)
	}
	old.RetiredAt = day
	put(old)
	if got := must(p, store.ReadTx.SigningKeys); len(got) != 2 || !got[0].RetiredAt.Equal(day) {
		t.Errorf("a retired key is %+v", got[0])
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteSigningKey("b") })
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteSigningKey("b") }))
	if got := must(p, store.ReadTx.SigningKeys); len(got) != 1 {
		t.Errorf("%d keys are left", len(got))
	}
}
