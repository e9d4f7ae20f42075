package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func testMeta(t *testing.T, p *place) {
	m := must(p, store.ReadTx.Meta)
	if m.InstallationID == "" {
		t.Fatal("a new store has no installation id")
	}
	m.KeyCheck = []byte("sealed")
	p.update(func(tx store.WriteTx) error { return tx.PutMeta(m) })
	p.reopen()
	if got := must(p, store.ReadTx.Meta); !reflect.DeepEqual(got, m) {
		t.Errorf("meta is %v after a restart; was %v", got, m)
	}
	key := store.NewMasterKey()
	p.update(func(tx store.WriteTx) error {
		m.KeyCheck = nil
		return tx.PutMeta(m)
	})
	p.update(func(tx store.WriteTx) error { return store.CheckMasterKey(tx, key) })
	p.update(func(tx store.WriteTx) error { return store.CheckMasterKey(tx, key) })
	if err := p.fails(func(tx store.WriteTx) error { return store.CheckMasterKey(tx, store.NewMasterKey()) }); !errors.Is(err, store.ErrWrongMasterKey) {
		t.Errorf("another master key: %v", err)
	}
}

func testUser(t *testing.T, p *place) {
	u := &store.User{
		Username: "Ann", Email: "Ann@Example.com", EmailVerified: true, FirstName: "Ann", LastName: "Ö", Language: "pt-BR",
		Groups: []string{"a", "b"}, IsActive: true, IsStaff: true, IsSuperuser: true, DateJoined: day, LastLogin: day,
		Fields: store.Fields{
			"text": "x <&> \u2028", "n": int64(1<<62 + 1), "yes": true, "no": false,
			"company": store.Ref{Type: "company", ID: 7}, "list": []string{"a", "b"},
		},
	}
	putUser(p, u)
	if u.ID <= 0 || u.Version == 0 {
		t.Fatalf("PutUser set id %d and version %d", u.ID, u.Version)
	}
	for what, read := range map[string]func(store.ReadTx) (*store.User, error){
		"by id":       func(tx store.ReadTx) (*store.User, error) { return tx.User(u.ID) },
		"by username": func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername(" aNN ") },
		"by email":    func(tx store.ReadTx) (*store.User, error) { return tx.UserByEmail("ANN@example.COM ") },
	} {
		if got := must(p, read); !reflect.DeepEqual(got, u) {
			t.Errorf("%s:\n got %+v\nwant %+v", what, got, u)
		}
	}
	first := u.Version
	u.Username, u.Email, u.Language, u.Fields = "Bea", "", "", store.Fields{}
	putUser(p, u)
	if u.Version <= first {
		t.Errorf("the version went from %d to %d", first, u.Version)
	}
	gone(p, "the old username", func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("ann") })
	gone(p, "the old email", func(tx store.ReadTx) (*store.User, error) { return tx.UserByEmail("ann@example.com") })
	gone(p, "no email", func(tx store.ReadTx) (*store.User, error) { return tx.UserByEmail("") })
	gone(p, "no username", func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("") })
	gone(p, "another id", func(tx store.ReadTx) (*store.User, error) { return tx.User(u.ID + 1) })
	gone(p, "a negative id", func(tx store.ReadTx) (*store.User, error) { return tx.User(-1) })
	if got := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("bea") }); got.Email != "" || got.Language != "" || len(got.Fields) != 0 {
		t.Errorf("what was taken away is still there: %+v", got)
	}

	for i := range 10 {
		putUser(p, newUser(name("u", i)))
	}
	list := func(after int64, limit int) []*store.User {
		return must(p, func(tx store.ReadTx) ([]*store.User, error) { return tx.Users(after, limit) })
	}
	all := list(0, 100)
	if len(all) != 11 || !slices.IsSortedFunc(all, func(a, b *store.User) int { return int(a.ID - b.ID) }) {
		t.Errorf("Users lists %d, in order: want 11", len(all))
	}
	if page := list(all[3].ID, 2); !slices.Equal(usernames(page), usernames(all[4:6])) {
		t.Errorf("a page is %v; want %v", usernames(page), usernames(all[4:6]))
	}
	if n := len(list(all[10].ID, 5)) + len(list(0, 0)); n != 0 {
		t.Errorf("%d users after the last and with limit 0", n)
	}
	if n := len(list(-5, 100)); n != 11 {
		t.Errorf("%d users after -5; want all 11", n)
	}
	if n := len(list(1<<63-1, 100)); n != 0 {
		t.Errorf("%d users after the highest number there is; want none", n)
	}
}

func testUserID(t *testing.T, p *place) {
	a, b := putUser(p, newUser("a")), putUser(p, newUser("b"))
	if a.ID == b.ID {
		t.Fatal("two users with one id")
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(b.ID) })
	p.reopen()
	if c := putUser(p, newUser("c")); c.ID == a.ID || c.ID == b.ID {
		t.Errorf("the id %d was given again after the highest was deleted", c.ID)
	}
	high := newUser("high")
	high.ID = 1000
	putUser(p, high)
	if high.ID != 1000 {
		t.Errorf("an explicit id became %d", high.ID)
	}
	if d := putUser(p, newUser("d")); d.ID <= 1000 {
		t.Errorf("id %d was given after 1000 was taken", d.ID)
	}
	low := newUser("low")
	low.ID = 500
	if putUser(p, low); low.ID != 500 {
		t.Errorf("an explicit id that was free became %d", low.ID)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(500) })
	again := newUser("again")
	again.ID = 500
	conflict(t, p.fails(func(tx store.WriteTx) error { return tx.PutUser(again, nil) }), store.UserType, "id")
	negative := newUser("negative")
	negative.ID = -1
	p.fails(func(tx store.WriteTx) error { return tx.PutUser(negative, nil) })

	// A transaction that fails gives no id away for good, nor sets one twice.
	e := newUser("e")
	p.fails(func(tx store.WriteTx) error {
		if err := tx.PutUser(newUser("e"), nil); err != nil {
			return err
		}
		return errRefused
	})
	putUser(p, e)
	if got := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.User(e.ID) }); got.Username != "e" {
		t.Errorf("user %d is %q", e.ID, got.Username)
	}
}

var errRefused = errors.New("refused")

func testUserUniqueness(t *testing.T, p *place) {
	a := putUser(p, newUser("Ann"))
	try := func(change func(*store.User)) error {
		u := newUser("other")
		change(u)
		before := *u
		err := p.fails(func(tx store.WriteTx) error { return tx.PutUser(u, nil) })
		if u.ID != before.ID || u.Version != before.Version {
			t.Errorf("a refused user got id %d and version %d", u.ID, u.Version)
		}
		return err
	}
	conflict(t, try(func(u *store.User) { u.Username = "aNN" }), store.UserType, "username")
	conflict(t, try(func(u *store.User) { u.Email = "ANN@EXAMPLE.com" }), store.UserType, "email")

	// A conflict writes nothing: the transaction can go on.
	p.update(func(tx store.WriteTx) error {
		u := newUser("ann")
		if err := tx.PutUser(u, nil); err == nil {
			t.Error("a second ann was let in")
		}
		u.Username, u.Email = "bea", "bea@example.com"
		return tx.PutUser(u, nil)
	})
	if all := must(p, func(tx store.ReadTx) ([]*store.User, error) { return tx.Users(0, 10) }); len(all) != 2 {
		t.Errorf("there are %v", usernames(all))
	}
	if feed := must(p, func(tx store.ReadTx) ([]store.Change, error) { return tx.Changes(0, 10) }); len(feed) != 2 {
		t.Errorf("the feed has %v", feed)
	}

	// Replacing conflicts too; keeping one's own name does not.
	a.FirstName = "A"
	a.Username = "ANN"
	putUser(p, a)
	a.Username = "bea"
	conflict(t, p.fails(func(tx store.WriteTx) error { return tx.PutUser(a, nil) }), store.UserType, "username")
	// Names are free once given up, by a change or by deletion.
	a.Username, a.Email = "anna", "anna@example.com"
	putUser(p, a)
	b := putUser(p, newUser("ann"))
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(b.ID) })
	putUser(p, newUser("ann"))
	// Any number may have no address.
	for i := range 3 {
		u := newUser(name("none", i))
		u.Email = ""
		putUser(p, u)
	}
	// Within one transaction, names can be exchanged by way of a third.
	x, y := putUser(p, newUser("x")), putUser(p, newUser("y"))
	p.update(func(tx store.WriteTx) error {
		for _, step := range []struct {
			u    *store.User
			name string
		}{{x, "z"}, {y, "x"}, {x, "y"}} {
			step.u.Username, step.u.Email = step.name, step.name+"@example.com"
			if err := tx.PutUser(step.u, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if got := must(p, func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("y") }); got.ID != x.ID {
		t.Errorf("y is user %d; want %d", got.ID, x.ID)
	}
	errs := race(p, func(i int, tx store.WriteTx) error {
		u := newUser("wanted")
		u.Email = name("mail", i) + "@example.com"
		return tx.PutUser(u, nil)
	})
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		conflict(t, err, store.UserType, "username")
	}
	if winners != 1 {
		t.Errorf("%d got the same username", winners)
	}
}

func testUniqueFields(t *testing.T, p *place) {
	with := func(name string, fields store.Fields) *store.User {
		u := newUser(name)
		u.Fields = fields
		return u
	}
	a := putUser(p, with("a", store.Fields{"badge": "7", "n": int64(1)}), "badge", "n")
	conflict(t, p.fails(func(tx store.WriteTx) error {
		return tx.PutUser(with("b", store.Fields{"badge": "7"}), []string{"badge"})
	}), store.UserType, "badge")
	conflict(t, p.fails(func(tx store.WriteTx) error {
		return tx.PutUser(with("b", store.Fields{"n": int64(1)}), []string{"badge", "n"})
	}), store.UserType, "n")
	// Absent values are shared by all.
	putUser(p, with("none1", nil), "badge")
	putUser(p, with("none2", nil), "badge")
	// A changed value frees the old one.
	a.Fields["badge"] = "8"
	putUser(p, a, "badge", "n")
	b := putUser(p, with("b", store.Fields{"badge": "7"}), "badge")
	// So does a field that is unique no more.
	putUser(p, b)
	putUser(p, with("c", store.Fields{"badge": "7"}), "badge")
	// b's is not claimed any more, so it cannot claim it again beside c.
	conflict(t, p.fails(func(tx store.WriteTx) error { return tx.PutUser(b, []string{"badge"}) }), store.UserType, "badge")
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(a.ID) })
	putUser(p, with("d", store.Fields{"badge": "8", "n": int64(1)}), "badge", "n")
	// Values may be long.
	long := string(make([]rune, 9000))
	long = "x" + string(slices.Repeat([]byte("y"), len(long)))
	putUser(p, with("e", store.Fields{"badge": long}), "badge")
	conflict(t, p.fails(func(tx store.WriteTx) error {
		return tx.PutUser(with("f", store.Fields{"badge": long}), []string{"badge"})
	}), store.UserType, "badge")
	putUser(p, with("g", store.Fields{"badge": long + "z"}), "badge")
}

func testUserDelete(t *testing.T, p *place) {
	u, other := putUser(p, newUser("u")), putUser(p, newUser("other"))
	for _, id := range []int64{u.ID, other.ID} {
		p.update(func(tx store.WriteTx) error {
			if err := tx.PutCredential(&store.Credential{UserID: id, PasswordHash: "x"}); err != nil {
				return err
			}
			if err := tx.PutConsent(&store.Consent{UserID: id, ClientID: "wiki", Scopes: []string{"a"}, GrantedAt: day}); err != nil {
				return err
			}
			f := newFamily(name("family", int(id)), "wiki", id)
			if err := tx.PutFamily(f); err != nil {
				return err
			}
			return tx.PutToken(newToken(store.KindAccess, name("token", int(id)), f.ID))
		})
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) })
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) }))
	gone(p, "the user", func(tx store.ReadTx) (*store.User, error) { return tx.User(u.ID) })
	gone(p, "the username", func(tx store.ReadTx) (*store.User, error) { return tx.UserByUsername("u") })
	gone(p, "the credential", func(tx store.ReadTx) (*store.Credential, error) { return tx.Credential(u.ID) })
	gone(p, "the consent", func(tx store.ReadTx) (*store.Consent, error) { return tx.Consent(u.ID, "wiki") })
	gone(p, "the family", func(tx store.ReadTx) (*store.Family, error) { return tx.Family(name("family", int(u.ID))) })
	gone(p, "the token", func(tx store.ReadTx) (*store.Token, error) {
		return tx.Token(store.KindAccess, store.HashOf(name("token", int(u.ID))))
	})
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Family, error) { return tx.Families(u.ID) })); n != 0 {
		t.Errorf("a deleted user has %d families", n)
	}
	if n := len(must(p, func(tx store.ReadTx) ([]*store.Consent, error) { return tx.Consents(u.ID) })); n != 0 {
		t.Errorf("a deleted user has %d consents", n)
	}
	p.view(func(tx store.ReadTx) error {
		_, a := tx.User(other.ID)
		_, b := tx.Credential(other.ID)
		_, c := tx.Consent(other.ID, "wiki")
		_, d := tx.Token(store.KindAccess, store.HashOf(name("token", int(other.ID))))
		return errors.Join(a, b, c, d)
	})
}

func testSuperuser(t *testing.T, p *place) {
	want := func(when string, want bool) {
		t.Helper()
		if got := must(p, store.ReadTx.HasSuperuser); got != want {
			t.Errorf("%s: HasSuperuser is %v", when, got)
		}
	}
	want("at first", false)
	u := newUser("root")
	putUser(p, u)
	want("with a plain user", false)
	u.IsSuperuser = true
	putUser(p, u)
	want("with one", true)
	u.FirstName = "R"
	putUser(p, u)
	want("after a change", true)
	u.IsActive = false
	putUser(p, u)
	want("disabled", false)
	u.IsActive = true
	putUser(p, u)
	second := newUser("second")
	second.IsSuperuser = true
	putUser(p, second)
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) })
	want("with the second left", true)
	p.reopen()
	want("after a restart", true)
	second.IsSuperuser = false
	putUser(p, second)
	want("demoted", false)
}

func testCredential(t *testing.T, p *place) {
	u := putUser(p, newUser("u"))
	gone(p, "no credential", func(tx store.ReadTx) (*store.Credential, error) { return tx.Credential(u.ID) })
	head := must(p, store.ReadTx.Feed).Head
	c := &store.Credential{UserID: u.ID, PasswordHash: "$argon2id$x", PasswordChangedAt: day}
	p.update(func(tx store.WriteTx) error { return tx.PutCredential(c) })
	if got := must(p, func(tx store.ReadTx) (*store.Credential, error) { return tx.Credential(u.ID) }); !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v", got)
	}
	c.PasswordHash = ""
	p.update(func(tx store.WriteTx) error { return tx.PutCredential(c) })
	if got := must(p, func(tx store.ReadTx) (*store.Credential, error) { return tx.Credential(u.ID) }); got.PasswordHash != "" {
		t.Errorf("a password that was taken away is still %q", got.PasswordHash)
	}
	if got := must(p, store.ReadTx.Feed).Head; got != head {
		t.Error("a credential moved the feed")
	}
}

// Nobody signs in by what is another's, whichever of the two it is with whom.
func testSignInNames(t *testing.T, p *place) {
	s := store.DefaultSchema()
	root := newUser("root@example.com")
	root.Email = "boss@example.com"
	save := func(u *store.User) func(store.WriteTx) error {
		return func(tx store.WriteTx) error { return store.SaveUser(tx, s, u) }
	}
	p.update(save(root))
	for field, set := range map[string]func(*store.User){
		"username": func(u *store.User) { u.Username = " BOSS@example.com" },
		"email":    func(u *store.User) { u.Email = "Root@Example.com" },
	} {
		u := newUser("mallory")
		set(u)
		u.Username = strings.TrimSpace(u.Username)
		var conflict *store.ConflictError
		if err := p.fails(save(u)); !errors.As(err, &conflict) || conflict.Field != field {
			t.Errorf("%s of another: %v", field, err)
		}
	}
	root.Email = root.Username // one's own
	p.update(save(root))
}
