package usersync

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyito/caddyito/store"
)

// djangoProject takes pushes as that package does: the token of a form, HS256 with
// the secret and nothing else, every object a foreign key of which it stores the
// first, 500 for whatever goes wrong, and usernames that are unique.
type djangoProject struct {
	*httptest.Server
	mu     sync.Mutex
	secret string
	fields []string // of its model
	users  map[float64]map[string]any
	pushes []string              // usernames, in order
	fail   func(user string) int // a status, or 0
}

func newDjango(t testing.TB) *djangoProject {
	d := &djangoProject{
		secret: secret, users: map[float64]map[string]any{},
		fields: []string{"username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "last_login", "date_joined", "company"},
	}
	d.Server = httptest.NewServer(http.HandlerFunc(d.push))
	t.Cleanup(d.Close)
	return d
}

func (d *djangoProject) push(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(r.PostFormValue("token"), claims, func(*jwt.Token) (any, error) { return []byte(d.secret), nil },
		jwt.WithValidMethods([]string{"HS256"}))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	name, _ := claims["username"].(string)
	if d.fail != nil {
		if status := d.fail(name); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	id := claims["id"].(float64)
	user := maps.Clone(d.users[id])
	if user == nil {
		user = map[string]any{}
	}
	for field, v := range claims {
		if field != "id" && !slices.Contains(d.fields, field) {
			http.Error(w, "unexpected keyword argument "+field, http.StatusInternalServerError)
			return
		}
		user[field] = v
	}
	for other, u := range d.users {
		if other != id && u["username"] == name {
			http.Error(w, "UNIQUE constraint failed", http.StatusInternalServerError)
			return
		}
	}
	d.users[id] = user
	d.pushes = append(d.pushes, name)
	fmt.Fprint(w, "User profile updated")
}

func (d *djangoProject) user(id float64) map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.users[id])
}

func (d *djangoProject) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pushes)
}

func (d *djangoProject) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *djangoProject) client() Client {
	return Client{ID: "shop", URL: d.URL, Secrets: []string{secret}, Format: store.FormatDjangito}
}

func shopState(t testing.TB, s store.Store) (st *store.SyncState) {
	t.Helper()
	view(t, s, func(tx store.ReadTx) (err error) {
		st, err = tx.SyncState("shop")
		return err
	})
	return st
}

// caughtUp says whether the cursor is at the head.
func caughtUp(t testing.TB, s store.Store) bool {
	st, feed := shopState(t, s), feedOf(t, s)
	return st.FeedID == feed.ID && st.Seq == feed.Head && st.Error == ""
}

func renameCompany(t testing.TB, s store.Store, name string) {
	t.Helper()
	update(t, s, func(tx store.WriteTx) error {
		return tx.PutObject(&store.Object{Type: "company", ID: 1, Fields: store.Fields{"name": name, "primary_activity": "Seller"}}, nil)
	})
}

func TestDjangitoUser(t *testing.T) {
	schema := &store.Schema{
		User: []store.Field{
			{Name: "phone", Type: store.Text}, {Name: "badge", Type: store.Integer}, {Name: "salary", Type: store.Decimal, Private: true},
			{Name: "exp", Type: store.Integer}, {Name: "team", Type: store.Relation, Target: "team"}, {Name: "company", Type: store.Relation, Target: "company"},
			{Name: "level", Type: store.Choice, Choices: []string{"low", "high"}},
		},
		Objects: []store.ObjectType{
			{Name: "company", Fields: []store.Field{
				{Name: "name", Type: store.Text}, {Name: "primary_activity", Type: store.Choice, Choices: []string{"Buyer", "Seller", "Agent"}},
				{Name: "country", Type: store.Relation, Target: "country"}, {Name: "notes", Type: store.Text, Private: true},
			}},
			{Name: "team", Fields: []store.Field{{Name: "name", Type: store.Text}}},
			{Name: "country"},
		},
	}
	s := openStore(t)
	update(t, s, func(tx store.WriteTx) error {
		if err := tx.PutObject(&store.Object{Type: "country"}, nil); err != nil {
			return err
		}
		return tx.PutObject(&store.Object{Type: "company", Fields: store.Fields{
			"name": "A&B", "primary_activity": "Agent", "notes": "x", "country": store.Ref{Type: "country", ID: 1}}}, nil)
	})
	full := &store.User{
		ID: 7, Username: "alice", Email: "a@example.com", FirstName: "Al", IsActive: true, IsStaff: true, Groups: []string{"g"}, DateJoined: day,
		LastLogin: day.Add(time.Microsecond),
		Fields: store.Fields{"salary": "1.50", "exp": int64(1), "badge": int64(9007199254740993), "level": "high",
			"company": store.Ref{Type: "company", ID: 1}, "team": store.Ref{Type: "team", ID: 9}},
	}
	bare := &store.User{ID: 8, Username: "bob", DateJoined: day, Fields: store.Fields{"level": "middle"}}
	for _, c := range []struct {
		name   string
		user   *store.User
		fields []string
		admin  bool
		want   string
	}{
		{"all", full, nil, false, `{"id":7,"username":"alice","first_name":"Al","last_name":"","email":"a@example.com","is_active":true,"is_staff":false,"is_superuser":false,` +
			`"last_login":"2026-11-23T12:00:00.000001Z","date_joined":"2026-11-23T12:00:00Z","phone":"","badge":9007199254740993,"level":1,` +
			`"team":null,"company":{"id":1,"name":"A\u0026B","primary_activity":2}}`},
		{"admin flags", full, []string{"email"}, true, `{"id":7,"username":"alice","email":"a@example.com","is_active":true,"is_staff":true,"is_superuser":false}`},
		{"part of the company", full, []string{"company.name"}, false, `{"id":7,"username":"alice","is_active":true,"is_staff":false,"is_superuser":false,"company":{"id":1,"name":"A\u0026B"}}`},
		{"nothing set", bare, nil, true, `{"id":8,"username":"bob","first_name":"","last_name":"","email":"","is_active":false,"is_staff":false,"is_superuser":false,` +
			`"last_login":null,"date_joined":"2026-11-23T12:00:00Z","phone":"","badge":null,"level":null,"team":null,"company":null}`},
	} {
		var got []byte
		view(t, s, func(tx store.ReadTx) (err error) {
			got, err = DjangitoUser(tx, NewView(schema, "shop", "", c.fields), c.user, c.admin)
			return err
		})
		if string(got) != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestDjangitoPush(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 250) // some pages
	srv := startServer(t, s, d.client())
	await(t, "everybody is there", func() bool { return caughtUp(t, s) && !shopState(t, s).CurrentAt.IsZero() })
	if got := srv.Counts("shop"); got != (Counts{Batches: 250, Changes: 250}) {
		t.Errorf("counted as %+v", got)
	}
	d.mu.Lock()
	if len(d.users) != 250 || d.pushes[0] != "u0" || d.pushes[249] != "u249" || len(d.pushes) != 250 {
		t.Errorf("%d users by %d pushes: %v", len(d.users), len(d.pushes), d.pushes[:5])
	}
	d.mu.Unlock()
	if u := d.user(1); u["is_staff"] != false || u["is_superuser"] != false || u["is_active"] != true {
		t.Errorf("it holds %v", u)
	}

	renameCompany(t, s, "Acme & Sons")
	await(t, "all who are in the company are told", func() bool { return caughtUp(t, s) })
	for id := range 250 {
		company, _ := d.user(float64(id + 1))["company"].(map[string]any)
		if company["name"] != "Acme & Sons" || company["primary_activity"] != 1.0 || company["id"] != 1.0 {
			t.Fatalf("user %d is in %v", id+1, company)
		}
	}
	if n := d.count(); n != 500 {
		t.Errorf("%d pushes, want 500", n)
	}

	setUser(t, s, 1, func(u *store.User) { u.IsActive, u.Fields = false, nil })
	await(t, "who is disabled is", func() bool { u := d.user(1); return u["is_active"] == false && u["company"] == nil })

	update(t, s, func(tx store.WriteTx) error { return tx.DeleteUser(2) })
	update(t, s, func(tx store.WriteTx) error {
		return tx.PutUser(&store.User{Username: "u1", IsActive: true, DateJoined: day}, nil)
	})
	await(t, "the name of who was deleted is another's", func() bool { return d.user(251)["username"] == "u1" })
	if u := d.user(2); u["is_active"] != false || u["username"] != "deleted:2" || u["email"] != "" || u["first_name"] != "" {
		t.Errorf("of who was deleted it holds %v", u)
	}
}

// Nothing is lost over failures and restarts, and the cursor says where to go on.
func TestDjangitoFailures(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 120)
	var n int
	d.fail = func(string) int {
		n++
		if n == 50 {
			return http.StatusBadGateway
		}
		return 0
	}
	srv := startServer(t, s, d.client())
	await(t, "everybody is there", func() bool { return caughtUp(t, s) })
	srv.Close()
	if got := d.count(); got != 120 {
		t.Errorf("%d pushes, want 120", got)
	}
	setUser(t, s, 3, func(u *store.User) { u.FirstName = "Eve" })
	srv = startServer(t, s, d.client())
	await(t, "who starts goes on", func() bool { return caughtUp(t, s) && d.user(3)["first_name"] == "Eve" })
	if got := d.count(); got != 121 {
		t.Errorf("%d pushes, want 121", got)
	}

	update(t, s, func(tx store.WriteTx) error {
		st, err := tx.SyncState("shop")
		if err != nil {
			return err
		}
		st.Resync = true
		return tx.PutSyncState(st)
	})
	await(t, "all are sent anew", func() bool { return caughtUp(t, s) && d.count() == 241 })
	srv.Close()
	c := d.client()
	c.AdminFlags = true
	startServer(t, s, c)
	await(t, "other options, and all are sent anew", func() bool { return caughtUp(t, s) && d.count() == 361 })
	if u := d.user(1); u["is_superuser"] != true {
		t.Errorf("it holds %v", u)
	}
}

// One whom it does not take holds up nobody, stays noted, and is sent until taken.
func TestDjangitoRefusesOne(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 30)
	poison := true
	d.fail = func(user string) int {
		if poison && user == "u4" {
			return http.StatusInternalServerError
		}
		return 0
	}
	srv := startServer(t, s, d.client())
	await(t, "the others are there", func() bool { return d.user(30) != nil })
	await(t, "it is noted", func() bool {
		st := shopState(t, s)
		return st.Parked && strings.Contains(st.Error, "user 5: it answers 500")
	})
	setUser(t, s, 6, func(u *store.User) { u.FirstName = "Eve" })
	await(t, "changes still come", func() bool { return d.user(6)["first_name"] == "Eve" })
	if st := shopState(t, s); st.Seq >= 6 {
		t.Errorf("the cursor is past who was not taken: %d", st.Seq)
	}
	d.set(func() { poison = false })
	setUser(t, s, 7, func(u *store.User) { u.FirstName = "Eve" })
	await(t, "all are there", func() bool { return caughtUp(t, s) && d.user(5) != nil })
	srv.Close()

	// The cursor remembers who was not taken, also over a restart.
	d.set(func() { poison = true })
	setUser(t, s, 5, func(u *store.User) { u.FirstName = "Eve" })
	setUser(t, s, 8, func(u *store.User) { u.FirstName = "Eve" })
	srv = startServer(t, s, d.client())
	await(t, "the other is there", func() bool { return d.user(8)["first_name"] == "Eve" })
	srv.Close()
	d.set(func() { poison = false })
	startServer(t, s, d.client())
	await(t, "all are there", func() bool { return caughtUp(t, s) && d.user(5)["first_name"] == "Eve" })
}

// A name that goes to another arrives in whatever order the feed has the two.
func TestDjangitoNameMoves(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 2)
	srv := startServer(t, s, d.client())
	await(t, "both are there", func() bool { return caughtUp(t, s) })
	srv.Close()
	setUser(t, s, 1, func(u *store.User) { u.Username = "someone" })
	setUser(t, s, 2, func(u *store.User) { u.Username = "u0" })
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "Eve" }) // behind the other now
	startServer(t, s, d.client())
	await(t, "both are told", func() bool {
		return caughtUp(t, s) && d.user(2)["username"] == "u0" && d.user(1)["username"] == "someone"
	})
}

func TestDjangitoSecrets(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 30)
	d.set(func() { d.secret = "another" })
	srv := startServer(t, s, d.client())
	await(t, "it is parked", func() bool { st := shopState(t, s); return st.Parked && strings.Contains(st.Error, "secret") })
	srv.Close()
	c := d.client()
	c.Secrets = []string{strings.Repeat("new", 11), secret}
	d.set(func() { d.secret = secret })
	startServer(t, s, c)
	await(t, "the other secret will do", func() bool { return caughtUp(t, s) })
}

// Of who was deleted before there was the client, it is told only if they signed
// in there: what it holds of others, it never got.
func TestDjangitoForgets(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 3)
	update(t, s, func(tx store.WriteTx) error {
		if err := tx.PutVisit("shop", 1); err != nil {
			return err
		}
		if err := tx.DeleteUser(1); err != nil {
			return err
		}
		return tx.DeleteUser(2)
	})
	startServer(t, s, d.client())
	await(t, "it is told", func() bool { return caughtUp(t, s) && d.user(1) != nil })
	if d.user(1)["is_active"] != false || d.user(2) != nil {
		t.Errorf("it holds %v and %v", d.user(1), d.user(2))
	}
	update(t, s, func(tx store.WriteTx) error {
		st, err := tx.SyncState("shop")
		if err != nil {
			return err
		}
		st.Resync = true
		return tx.PutSyncState(st)
	})
	await(t, "it is told anew", func() bool { return caughtUp(t, s) && d.count() == 4 })
	if d.user(2) != nil {
		t.Errorf("a resync tells it of %v", d.user(2))
	}
}

// A client that is deleted while it is told of something leaves no cursor to who gets
// its id.
func TestDjangitoDeletedMeanwhile(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 3)
	create := func() {
		update(t, s, func(tx store.WriteTx) error { return tx.PutClient(&store.Client{ID: "shop"}) })
	}
	create()
	var deleted atomic.Bool
	again := make(chan struct{})
	srv := NewServer(Config{
		Store: s, Issuer: issuer, Schema: store.DefaultSchema(), Transport: Transport(), Log: slog.New(slog.DiscardHandler),
		Clients: func(ctx context.Context) ([]Client, error) {
			if deleted.Load() { // it takes a while to list them
				select {
				case <-again:
				case <-ctx.Done():
				}
			}
			return []Client{d.client()}, nil
		},
	})
	defer srv.Close()
	ready := make(chan struct{})
	close(ready)
	srv.Start(ready)
	await(t, "it is told", func() bool { return caughtUp(t, s) })
	d.set(func() {
		d.fail = func(string) int {
			if deleted.CompareAndSwap(false, true) {
				update(t, s, func(tx store.WriteTx) error { return tx.DeleteClient("shop") })
			}
			return 0
		}
	})
	setUser(t, s, 1, func(u *store.User) { u.FirstName = "x" })
	await(t, "its feeder ends", func() bool {
		if st := shopState(t, s); deleted.Load() && st.FeedID != "" {
			t.Fatalf("the cursor is back: %+v", st)
		}
		srv.mu.Lock()
		defer srv.mu.Unlock()
		return srv.feeders["shop"].ended()
	})
	create()
	close(again)
	await(t, "the new one is told everything", func() bool { return caughtUp(t, s) && d.count() == 3+1+3 })
}

func TestDjangitoGranted(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 3)
	update(t, s, func(tx store.WriteTx) error { return tx.PutVisit("shop", 2) })
	c := d.client()
	c.Sync = store.SyncGranted
	startServer(t, s, c)
	await(t, "who signed in there is there", func() bool { return caughtUp(t, s) })
	renameCompany(t, s, "Acme & Sons")
	await(t, "so is the company", func() bool { return caughtUp(t, s) })
	if d.user(1) != nil || d.user(3) != nil {
		t.Error("it is told of others")
	}
	if company, _ := d.user(2)["company"].(map[string]any); company["name"] != "Acme & Sons" {
		t.Errorf("it holds %v", d.user(2))
	}
}

// A push opens no other door, and a batch not this one: the same secret signs both.
func TestDjangitoDoors(t *testing.T) {
	var pushes, batches []string
	var mu sync.Mutex
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if form, err := url.ParseQuery(string(body)); err == nil && form.Has("token") {
			pushes = append(pushes, form.Get("token"))
			return
		}
		batches = append(batches, string(body))
	}))
	defer sink.Close()
	s := openStore(t)
	directory(t, s, 1)
	startServer(t, s,
		Client{ID: "shop", URL: sink.URL, Secrets: []string{secret}, Format: store.FormatDjangito},
		Client{ID: "wiki", URL: sink.URL, Secrets: []string{secret}})
	await(t, "one of each came", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(pushes) > 0 && len(batches) > 0
	})
	mu.Lock()
	defer mu.Unlock()
	g := newGate(t, nil)
	resp, err := http.Post(g.URL, ContentType, strings.NewReader(pushes[0]))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, err := Verify([]byte(pushes[0]), key(t), issuer, "wiki", time.Now()); err == nil || resp.StatusCode == http.StatusOK {
		t.Errorf("a push passes as a batch: %v, %s", err, resp.Status)
	}
	if _, err := Verify([]byte(pushes[0]), []byte(secret), issuer, "wiki", time.Now()); err == nil {
		t.Error("a push passes as a batch even without its key")
	}
	d := newDjango(t)
	resp, err = http.PostForm(d.URL, url.Values{"token": {batches[0]}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK || len(d.users) > 0 {
		t.Error("a batch passes as a push")
	}
	header, _, _ := strings.Cut(pushes[0], ".")
	text, _ := b64.DecodeString(header)
	var h struct{ Alg, Typ string }
	if json.Unmarshal(text, &h) != nil || h.Alg != "HS256" || h.Typ != "caddyito-djangito+jwt" {
		t.Errorf("the header is %s", text)
	}
}

// Pushes go where clients may be, and follow no redirect.
func TestDjangitoStaysOnTheRoad(t *testing.T) {
	s, d := openStore(t), newDjango(t)
	directory(t, s, 1)
	away := httptest.NewServer(http.RedirectHandler(d.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	for _, address := range []string{away.URL, "http://169.254.169.254/latest", "https://169.254.169.254/", "http://example.com/"} {
		c := d.client()
		c.URL = address
		srv := startServer(t, s, c)
		await(t, "it fails", func() bool { return shopState(t, s).Error != "" })
		srv.Close()
		update(t, s, func(tx store.WriteTx) error { return tx.PutSyncState(&store.SyncState{ClientID: "shop"}) })
	}
	if d.count() > 0 {
		t.Error("a redirect was followed")
	}
}
