package usersync

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func nations() *store.Schema {
	return &store.Schema{
		User: []store.Field{
			{Name: "company", Type: store.Relation, Target: "company"},
			{Name: "phone", Type: store.Text},
			{Name: "salary", Type: store.Integer, Private: true},
			{Name: "plan", Type: store.Choice, Choices: []string{"free", "paid"}, Default: "free"},
		},
		Objects: []store.ObjectType{
			{Name: "company", Fields: []store.Field{
				{Name: "name", Type: store.Text}, {Name: "margin", Type: store.Decimal, Private: true},
				{Name: "country", Type: store.Relation, Target: "country"}, {Name: "parent", Type: store.Relation, Target: "company"},
			}},
			{Name: "country", Fields: []store.Field{{Name: "name", Type: store.Text}, {Name: "code", Type: store.Text}}},
			{Name: "project", Fields: []store.Field{{Name: "name", Type: store.Text}}},
		},
	}
}

func TestViewShows(t *testing.T) {
	u := &store.User{ID: 1, Username: "ann", Email: "a@example.com", IsActive: true, IsStaff: true, IsSuperuser: true, DateJoined: day,
		Fields: store.Fields{"company": store.Ref{Type: "company", ID: 1}, "phone": "1", "salary": int64(7), "gone": "x"}}
	company := &store.Object{Type: "company", ID: 1, Fields: store.Fields{"name": "Acme", "margin": "1.5", "country": store.Ref{Type: "country", ID: 1}, "gone": "x"}}
	country := &store.Object{Type: "country", ID: 1, Fields: store.Fields{"name": "Austria", "code": "AT"}}
	names := func(f store.Fields) string { return strings.Join(slices.Sorted(maps.Keys(f)), " ") }
	for _, c := range []struct {
		list                   []string
		user, company, country string
		types                  string // of objects that the client is told of
	}{
		{nil, "company date_joined email email_verified first_name groups is_active phone plan username", "country name", "code name", "company country gone project"},
		{[]string{"email"}, "email is_active username", "", "", ""},
		{[]string{"id", "phone", "plan"}, "is_active phone plan username", "", "", ""},
		{[]string{"company"}, "company is_active username", "country name", "code name", "company country"},
		{[]string{"company.name"}, "company is_active username", "name", "", "company"},
		{[]string{"company.id"}, "company is_active username", "", "", "company"},
		{[]string{"company.country.code", "company.name"}, "company is_active username", "country name", "code", "company country"},
		{[]string{"company.name", "company.parent"}, "company is_active username", "country name", "code name", "company country"},
		// Of what is not declared any more nothing comes.
		{[]string{"gone", "salary", "company.margin", "is_superuser"}, "company is_active username", "", "", "company"},
	} {
		v := NewView(nations(), "wiki", store.SyncAll, c.list)
		u := u.Clone()
		u.FirstName = "Ann"
		if got := names(v.User(u)); got != c.user {
			t.Errorf("%v: of a user %s; want %s", c.list, got, c.user)
		}
		if got := names(v.Object(company)); got != c.company {
			t.Errorf("%v: of a company %s; want %s", c.list, got, c.company)
		}
		if got := names(v.Object(country)); got != c.country {
			t.Errorf("%v: of a country %s; want %s", c.list, got, c.country)
		}
		var types []string
		for _, typ := range []string{"company", "country", "gone", "project"} {
			if told, err := v.tells(nil, store.Change{Type: typ, ID: 1}); told && err == nil {
				types = append(types, typ)
			}
		}
		if got := strings.Join(types, " "); got != c.types {
			t.Errorf("%v: is told of %s; want %s", c.list, got, c.types)
		}
	}
}

func TestCheckFields(t *testing.T) {
	if err := CheckFields(nations(), []string{"id", "username", "email", "groups", "last_login", "phone", "company", "company.name", "company.country.code", "company.parent.parent.name"}); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{
		"fone":                   "there are company, date_joined, email",
		"":                       `no field ""`,
		"company.":               `a company has no field ""`,
		"salary":                 "private",
		"company.margin":         "private",
		"phone.x":                "no relation",
		"email.x":                `a user has no field "email"`,
		"company.country.nope":   "a country has no field",
		"is_superuser":           "no field",
		"company.country.name.x": "no relation",
	} {
		if err := CheckFields(nations(), []string{"email", path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q in it", path, err, want)
		}
	}
}

// Two views have the same name only if they show the same, in the same form.
func TestViewID(t *testing.T) {
	of := func(change func(*store.Schema)) string {
		s := nations()
		change(s)
		return NewView(s, "wiki", store.SyncAll, nil).ID()
	}
	base := of(func(*store.Schema) {})
	for what, change := range map[string]func(*store.Schema){
		"a field more":    func(s *store.Schema) { s.User = append(s.User, store.Field{Name: "x", Type: store.Text}) },
		"a field less":    func(s *store.Schema) { s.User = s.User[1:] },
		"private":         func(s *store.Schema) { s.User[1].Private = true },
		"no longer so":    func(s *store.Schema) { s.User[2].Private = false },
		"another type":    func(s *store.Schema) { s.User[1].Type = store.Integer },
		"another default": func(s *store.Schema) { s.User[3].Default = "paid" },
		"other choices":   func(s *store.Schema) { s.User[3].Choices = []string{"free"} },
		"a type less":     func(s *store.Schema) { s.Objects = s.Objects[:2] },
	} {
		if of(change) == base {
			t.Errorf("%s: the view has the same name", what)
		}
	}
	for what, change := range map[string]func(*store.Schema){
		"required":     func(s *store.Schema) { s.User[1].Required = true },
		"unique":       func(s *store.Schema) { s.User[1].Unique = true },
		"of a private": func(s *store.Schema) { s.User[2].Type = store.Text },
		"other order":  func(s *store.Schema) { slices.Reverse(s.User); slices.Reverse(s.Objects) },
	} {
		if of(change) != base {
			t.Errorf("%s changes nothing that a client sees, but the name of the view", what)
		}
	}
	all := NewView(nations(), "wiki", "", nil).ID()
	if all != base || NewView(nations(), "wiki", store.SyncGranted, nil).ID() == base || NewView(nations(), "wiki", "", []string{"email"}).ID() == base {
		t.Error("modes and lists are not told apart")
	}
}

// visit is a sign-in at the client, as the provider notes it.
func visit(t testing.TB, s store.Store, id int64) {
	t.Helper()
	update(t, s, func(tx store.WriteTx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		return store.Visit(tx, store.DefaultSchema(), &store.Client{ID: "wiki", ClientSettings: store.ClientSettings{Sync: store.SyncGranted}}, u)
	})
}

// holdsUsers says whether a mirror has these users and no others, tombstones as
// negative numbers.
func holdsUsers(t testing.TB, s store.Store, want ...int64) bool {
	t.Helper()
	var got []int64
	view(t, s, func(tx store.ReadTx) error {
		got = nil
		records, err := tx.MirrorRecords("wiki", store.UserType, "", 10_000)
		for _, r := range records {
			id := int64(0)
			for _, c := range r.ID {
				id = 10*id + int64(c-'0')
			}
			if r.Deleted {
				id = -id
			}
			got = append(got, id)
		}
		return err
	})
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// atHead says whether the server knows that the mirror stands at the head.
func atHead(t testing.TB, s store.Store, g *gateServer) bool {
	feed, m := feedOf(t, s), mirrorState(t, g.store, "wiki")
	return m.FeedID == feed.ID && m.Seq == feed.Head && syncState(t, s).Seq == feed.Head && syncState(t, s).Error == ""
}

func TestGranted(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 1200)
	visit(t, s, 7)
	c := wiki(g)
	c.Sync = store.SyncGranted
	srv := startServer(t, s, c)
	await(t, "the gate is told of who was there before", func() bool { return atHead(t, s, g) && holdsUsers(t, g.store, 7) })
	if record(t, g.store, "company", 1) == nil {
		t.Error("the gate lacks the company")
	}
	setUser(t, s, 8, func(u *store.User) { u.FirstName = "Eve" })
	visit(t, s, 9)
	await(t, "the gate is told of who signs in", func() bool { return atHead(t, s, g) && holdsUsers(t, g.store, 7, 9) })
	setUser(t, s, 9, func(u *store.User) { u.IsActive = false })
	await(t, "and of their changes", func() bool { return record(t, g.store, "user", 9).Fields["is_active"] == false })
	update(t, s, func(tx store.WriteTx) error {
		if err := tx.DeleteUser(8); err != nil {
			return err
		}
		return tx.DeleteUser(7)
	})
	await(t, "and that they are no more", func() bool { return atHead(t, s, g) && holdsUsers(t, g.store, -7, 9) })

	// Once a minute digests are compared, of what this client should hold.
	compare := func() *Batch {
		var b *Batch
		view(t, s, func(tx store.ReadTx) (err error) {
			v := srv.view(c)
			b, err = srv.countedFor(c.ID).nextBatch(tx, v, Position{feedOf(t, s).ID, v.ID(), feedOf(t, s).Head})
			return err
		})
		b.IssuedAt = mirrorState(t, g.store, "wiki").IssuedAt.Unix()
		return b
	}
	if p, ok, err := g.receiver.Mirror.Apply(context.Background(), compare()); !ok || err != nil || compare().Digest == nil {
		t.Fatalf("the gate holds what it should, but comparing says %+v, %v, %v", p, ok, err)
	}
	update(t, g.store, func(tx store.WriteTx) error {
		return tx.PutMirrorRecord("wiki", &store.Record{Type: "user", ID: "10", Version: 1, Fields: store.Fields{"username": "ghost", "is_active": true}})
	})
	if _, ok, err := g.receiver.Mirror.Apply(context.Background(), compare()); ok || err != nil {
		t.Fatalf("a user too many is not noticed: %v, %v", ok, err)
	}
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" }) // wakes the pusher
	await(t, "the mirror repairs itself", func() bool { return atHead(t, s, g) && holdsUsers(t, g.store, -7, 9) })
}

// Whose mode, list or schema changes, is told everything anew, and keeps the
// sessions.
func TestViewChanges(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 600)
	setUser(t, s, 5, func(u *store.User) { u.Email = "five@example.com"; u.Fields["phone"] = "5" })
	visit(t, s, 5)
	update(t, g.store, func(tx store.WriteTx) error {
		return tx.PutSession(&store.Session{Realm: "wiki", Hash: store.HashOf("s"), Subject: "5", CreatedAt: day, AuthTime: day,
			LastSeen: day, IdleExpiresAt: day.AddDate(9, 0, 0), ExpiresAt: day.AddDate(9, 0, 0)})
	})
	c := wiki(g)
	five := func() string {
		r := record(t, g.store, "user", 5)
		if r == nil {
			return ""
		}
		return strings.Join(slices.Sorted(maps.Keys(r.Fields)), " ")
	}
	step := func(what string, schema *store.Schema, c Client, want string, users int) {
		t.Helper()
		srv := NewServer(Config{
			Store: s, Issuer: issuer, Schema: schema, Transport: Transport(),
			Clients: func(context.Context) ([]Client, error) { return []Client{c}, nil }, Log: slog.New(slog.DiscardHandler),
		})
		ready := make(chan struct{})
		close(ready)
		srv.Start(ready)
		defer srv.Close()
		await(t, what, func() bool {
			var all []*store.Record
			view(t, g.store, func(tx store.ReadTx) (err error) {
				all, err = tx.MirrorRecords("wiki", store.UserType, "", 10_000)
				return err
			})
			return atHead(t, s, g) && mirrorState(t, g.store, "wiki").View == srv.view(c).ID() && five() == want && len(all) == users
		})
	}
	const everybody = "company date_joined email email_verified groups is_active username"
	step("it is filled", store.DefaultSchema(), c, everybody, 600)
	phones := store.DefaultSchema()
	phones.User = append(phones.User, store.Field{Name: "phone", Type: store.Text})
	step("a field is declared", phones, c, "company date_joined email email_verified groups is_active phone username", 600)
	phones.User[1].Private = true
	step("and made private", phones, c, everybody, 600)
	listed := c
	listed.Fields = []string{"email"}
	step("a list is made", phones, listed, "email is_active username", 600)
	if record(t, g.store, "company", 1) != nil {
		t.Error("the company is still there")
	}
	granted := c
	granted.Sync = store.SyncGranted
	step("only who visits is told", phones, granted, everybody, 1)
	step("all again", phones, c, everybody, 600)
	view(t, g.store, func(tx store.ReadTx) error {
		if sessions, err := tx.SessionsOf("wiki", "5"); err != nil || len(sessions) != 1 {
			t.Errorf("the session is gone: %v, %v", sessions, err)
		}
		return nil
	})
}

// The digest of a view that is not whole costs a look at the whole feed, so it is
// for who waited in vain, not for each who asks after a change.
func TestPullAddsUpLate(t *testing.T) {
	s := openStore(t)
	directory(t, s, 3)
	visit(t, s, 2)
	c := Client{ID: "wiki", Secrets: []string{secret}, Sync: store.SyncGranted}
	srv := pulled(t, s, c)
	added := func() bool {
		d := srv.countedFor(c.ID)
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.feed != ""
	}
	answered := make(chan []byte)
	go func() {
		body, _ := srv.pull(t.Context(), c, secret, Position{feedOf(t, s).ID, srv.view(c).ID(), feedOf(t, s).Head})
		answered <- body
	}()
	await(t, "it waits", func() bool { return !syncState(t, s).PulledAt.IsZero() })
	if added() {
		t.Error("the digest is added up before anybody wants it")
	}
	srv.EndPolls()
	b, err := Verify(<-answered, key(t), issuer, "wiki", time.Now())
	if err != nil || b.Digest == nil || !added() {
		t.Errorf("who waited in vain is told %+v, %v", b, err)
	}
}

// What was counted for a client is not compared with what another of its id holds, nor
// with what it holds itself once it was told of all users meanwhile.
func TestDigestOfThePast(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 20)
	exists := func() {
		update(t, s, func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "wiki"}) })
	}
	exists()
	visit(t, s, 7)
	c := wiki(g)
	c.Sync = store.SyncGranted
	var clients atomic.Pointer[[]Client]
	srv := NewServer(Config{
		Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: Transport(), Log: slog.New(slog.DiscardHandler),
		Clients: func(context.Context) ([]Client, error) { return *clients.Load(), nil },
	})
	defer srv.Close()
	to := func(what string, g *gateServer, c Client, users ...int64) {
		t.Helper()
		clients.Store(&[]Client{c})
		exists() // which tells that there is something new
		await(t, what, func() bool {
			return atHead(t, s, g) && mirrorState(t, g.store, "wiki").View == srv.view(c).ID() && (users == nil || holdsUsers(t, g.store, users...))
		})
		view(t, s, func(tx store.ReadTx) error {
			feed, err := tx.Feed()
			if err != nil {
				return err
			}
			want, err := srv.view(c).digest(tx, feed)
			if err != nil {
				return err
			}
			b, err := srv.countedFor("wiki").nextBatch(tx, srv.view(c), Position{feed.ID, srv.view(c).ID(), feed.Head})
			if err == nil && *b.Digest != want {
				t.Errorf("%s: the digest is of the past", what)
			}
			return err
		})
	}
	clients.Store(&[]Client{})
	ready := make(chan struct{})
	close(ready)
	srv.Start(ready)
	to("it holds who visits", g, c, 7)
	all := c
	all.Sync = ""
	to("it holds all", g, all)
	update(t, s, func(tx store.WriteTx) error { return tx.PutVisit("wiki", 9) }) // as one who signs in
	to("it holds who visits once more", g, c, 7, 9)

	update(t, s, func(tx store.WriteTx) error { return tx.DeleteClient("wiki") })
	g = newGate(t, nil)
	g.receiver.Mirror.Secret = strings.Repeat("new", 11)
	c.URL, c.Secrets = g.URL, []string{g.receiver.Mirror.Secret}
	to("another holds nobody", g, c)
}

// pausing is a store that stops for a while where a digest is added up.
type pausing struct {
	store.Store
	adding, goOn chan struct{}
}

func (p *pausing) View(ctx context.Context, fn func(store.ReadTx) error) error {
	return p.Store.View(ctx, func(tx store.ReadTx) error { return fn(&pausingTx{tx, p}) })
}

type pausingTx struct {
	store.ReadTx
	p *pausing
}

func (tx *pausingTx) Changes(after uint64, limit int) ([]store.Change, error) {
	if limit == digestPage {
		tx.p.adding <- struct{}{}
		<-tx.p.goOn
	}
	return tx.ReadTx.Changes(after, limit)
}

// Whoever ends a server while one of its feeders adds up a digest, which takes a
// while, waits for that and not for ever.
func TestCloseWhileAddingUp(t *testing.T) {
	s, g := openStore(t), newGate(t, nil)
	directory(t, s, 3)
	visit(t, s, 2)
	c := wiki(g)
	c.Sync = store.SyncGranted
	p := &pausing{s, make(chan struct{}), make(chan struct{})}
	srv := startServer(t, p, c)
	await(t, "a digest is added up", func() bool {
		srv.heard("wiki") // or it would be a minute
		select {
		case <-p.adding:
			return true
		default:
			return false
		}
	})
	closed := make(chan struct{})
	go func() {
		srv.Close()
		close(closed)
	}()
	await(t, "the feeders are being stopped", func() bool {
		if srv.mu.TryLock() {
			srv.mu.Unlock()
			return false
		}
		return true
	})
	close(p.goOn)
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("it never ends")
	}
}
