package provider_test

import (
	"bytes"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

const consoleSecret = "console-secret"

func withDevices(t testing.TB, opts ...option) *server {
	s := newServer(t, opts...)
	s.addDeviceClients()
	return s
}

// addDeviceClients makes two clients for devices: tv, which is public, and console,
// which has a secret and is first-party.
func (s *server) addDeviceClients() {
	s.t.Helper()
	s.update(func(tx store.WriteTx) error {
		grants := []string{store.GrantDevice, store.GrantRefresh}
		if err := tx.PutClient(&store.Client{ID: "tv", ClientSettings: store.ClientSettings{Name: "Telly", Public: true, GrantTypes: grants}}); err != nil {
			return err
		}
		return tx.PutClient(&store.Client{ID: "console",
			Secrets:        []store.ClientSecret{{Sealed: s.key.Seal(store.ClientSecretPurpose("console"), []byte(consoleSecret))}},
			ClientSettings: store.ClientSettings{Name: "Console", SkipConsent: true, GrantTypes: append(grants, store.GrantCode), Resources: []string{"https://api.example.com"}}})
	})
}

// tv is a device at work.
type tv struct {
	s                             *server
	clientID, authorization       string
	code, userCode, complete, uri string
}

// device starts the flow, as client tv or console.
func (s *server) device(clientID string, set ...string) *tv {
	s.t.Helper()
	d := &tv{s: s, clientID: clientID}
	if clientID == "console" {
		d.authorization = as("console", consoleSecret)
	}
	form := url.Values{"client_id": {clientID}, "scope": {"openid profile"}}
	for i := 0; i < len(set); i += 2 {
		form.Set(set[i], set[i+1])
	}
	a := s.call("POST", "/o/device/code", d.authorization, form)
	v := a.decode(s.t)
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	text := func(name string) string { x, _ := v[name].(string); return x }
	d.code, d.userCode, d.uri, d.complete = text("device_code"), text("user_code"), text("verification_uri"), text("verification_uri_complete")
	return d
}

// poll asks for tokens.
func (d *tv) poll() *answer {
	d.s.t.Helper()
	return d.s.token(d.authorization, url.Values{"grant_type": {store.GrantDevice}, "client_id": {d.clientID}, "device_code": {d.code}})
}

// wait lets the interval pass.
func (d *tv) wait() *tv { d.s.clock.add(5 * time.Second); return d }

// confirm is the page that asks about the device, in a browser that is signed in.
func (b *browser) confirm(d *tv) *answer {
	b.t.Helper()
	a := b.get(d.complete)
	if a.StatusCode != http.StatusOK || a.field("csrf") == "" {
		b.t.Fatalf("no question but %d: %s", a.StatusCode, a.body)
	}
	return a
}

func (a *answer) deviceForm(decision string) url.Values {
	return url.Values{"csrf": {a.field("csrf")}, "user_code": {a.field("user_code")}, "decision": {decision}}
}

// answer says yes or no.
func (b *browser) answer(d *tv, decision string) *answer {
	b.t.Helper()
	return b.post("/o/device", b.confirm(d).deviceForm(decision))
}

func TestRFC8628Flow(t *testing.T) {
	for _, client := range []string{"tv", "console"} {
		s := withDevices(t)
		a := s.call("POST", "/o/device/code", "", url.Values{"client_id": {"tv"}, "scope": {"openid"}})
		v := a.decode(t)
		if v["expires_in"] != 600.0 || v["interval"] != 5.0 || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %v", a.body, a.Header)
		}
		d := s.device(client)
		if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(d.userCode) || len(d.code) != 43 ||
			d.uri != s.issuer+"/o/device" || d.complete != s.issuer+"/o/device?user_code="+d.userCode {
			t.Fatalf("%+v", d)
		}
		wantError(t, d.poll(), http.StatusBadRequest, "authorization_pending")

		b := s.browser()
		login := b.get("/o/device")
		if login.location().Path != "/o/login" {
			t.Fatalf("signed out, the page leads to %s", login.location())
		}
		login = b.login(login, "alice", alicePassword)
		if login.Header.Get("Location") != d.uri {
			t.Fatalf("login leads to %s", login.location())
		}
		if page := b.get(login.Header.Get("Location")); page.StatusCode != http.StatusOK || !strings.Contains(page.body, `name="user_code"`) || strings.Contains(page.body, d.userCode) {
			t.Fatalf("%d %s", page.StatusCode, page.body)
		}
		typed := strings.ToLower(strings.ReplaceAll(d.userCode, "-", " "))
		page := b.get("/o/device?user_code=" + url.QueryEscape(" "+typed))
		name := map[string]string{"tv": "Telly", "console": "Console"}[client]
		for _, want := range []string{name, d.userCode, "Alice Lidell", "name and username"} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the question does not say %q", want)
			}
		}
		s.clock.add(5 * time.Second)
		wantError(t, d.poll(), http.StatusBadRequest, "authorization_pending")
		if a := b.post("/o/device", page.deviceForm("allow")); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "is connected") {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		tok := tokensOf(t, d.poll()) // at once: only who still waits is too early
		claims := claimsOf(t, tok.id)
		if claims["sub"] != "1" || claims["aud"] != client || claims["sid"] == "" || claims["auth_time"] == nil || claims["nonce"] != nil {
			t.Errorf("%v", claims)
		}
		if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); a.StatusCode != http.StatusOK || a.decode(t)["name"] != "Alice Lidell" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		again := s.token(d.authorization, refreshForm(tok.refresh, "client_id", client))
		tokensOf(t, again)
		wantError(t, d.poll(), http.StatusBadRequest, "invalid_grant")
	}
}

// Section 3.1: only clients that may, authenticated as at the token endpoint.
func TestRFC8628ClientAuthentication(t *testing.T) {
	s := withDevices(t)
	start := func(authorization string, form url.Values) *answer {
		return s.call("POST", "/o/device/code", authorization, form)
	}
	scope := []string{"openid"}
	wantError(t, start("", url.Values{"client_id": {"spa"}, "scope": scope}), 400, "unauthorized_client")
	wantError(t, start(as("app", appSecret), url.Values{"scope": scope}), 400, "unauthorized_client")
	wantError(t, start("", url.Values{"client_id": {"console"}, "scope": scope}), 401, "invalid_client")
	wantError(t, start(as("console", "wrong"), url.Values{"scope": scope}), 401, "invalid_client")
	wantError(t, start("", url.Values{"client_id": {"nobody"}, "scope": scope}), 401, "invalid_client")
	wantError(t, start("", url.Values{"client_id": {"tv"}}), 400, "invalid_scope")
	wantError(t, start("", url.Values{"client_id": {"tv"}, "scope": {"openid", "openid"}}), 400, "invalid_request")
	if a := s.call("GET", "/o/device/code?client_id=tv&scope=openid", "", nil); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.StatusCode)
	}
	// And at the token endpoint: a code is its client's.
	d := s.device("console")
	b := s.browser().signIn("alice", alicePassword)
	b.answer(d, "allow")
	form := url.Values{"grant_type": {store.GrantDevice}, "client_id": {"tv"}, "device_code": {d.code}}
	wantError(t, s.token("", form), 400, "invalid_grant")
	form.Set("client_id", "console")
	wantError(t, s.token("", form), 401, "invalid_client")
	form.Set("client_id", "spa")
	wantError(t, s.token("", form), 400, "unauthorized_client")
	form.Set("client_id", "tv")
	form.Del("device_code")
	wantError(t, s.token("", form), 400, "invalid_request")
	// A device code is no authorization code.
	wantError(t, s.token(d.authorization, url.Values{"grant_type": {"authorization_code"}, "code": {d.code}}), 400, "invalid_grant")
	tokensOf(t, d.poll())
}

// A client that has only other grants cannot be sent through the browser.
func TestDeviceClientHasNoCodeGrant(t *testing.T) {
	s := newServer(t)
	s.update(func(tx store.WriteTx) error {
		return tx.PutClient(&store.Client{ID: "tv", ClientSettings: store.ClientSettings{Public: true, GrantTypes: []string{store.GrantDevice}, RedirectURIs: []string{"https://tv.example.com/cb"}}})
	})
	if u := s.browser().authorize(authQuery("tv", "https://tv.example.com/cb")).location(); u.Query().Get("error") != "unauthorized_client" {
		t.Errorf("led to %s", u)
	}
}

// Section 3.5: who asks too often is slowed down, for good; who waits is not.
func TestRFC8628SlowDown(t *testing.T) {
	s := withDevices(t)
	d, other := s.device("tv"), s.device("tv")
	pending := func(after time.Duration) {
		t.Helper()
		s.clock.add(after)
		wantError(t, d.poll(), 400, "authorization_pending")
	}
	slow := func(after time.Duration) { t.Helper(); s.clock.add(after); wantError(t, d.poll(), 400, "slow_down") }
	pending(0)
	pending(5 * time.Second)
	pending(4500 * time.Millisecond) // a network is not a clock
	slow(3 * time.Second)            // 10 from now on
	slow(6 * time.Second)            // 15
	pending(15 * time.Second)
	slow(10 * time.Second) // 20
	wantError(t, other.poll(), 400, "authorization_pending")
	// A yes is told at once all the same.
	s.browser().signIn("alice", alicePassword).answer(d, "allow")
	tokensOf(t, d.poll())
}

// Section 3.5: no, too late, never heard of.
func TestRFC8628Refusals(t *testing.T) {
	s := withDevices(t)
	b := s.browser().signIn("alice", alicePassword)
	d := s.device("tv")
	if a := b.answer(d, "deny"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "is not connected") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	wantError(t, d.poll(), 400, "access_denied")
	wantError(t, d.poll(), 400, "access_denied")
	if a := b.get(d.complete); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a code that was answered shows %d", a.StatusCode)
	}
	s.update(func(tx store.WriteTx) error {
		if _, err := tx.Consent(1, "tv"); err == nil {
			t.Error("a no is remembered as a yes")
		}
		return nil
	})

	late, tooLate := s.device("tv"), s.device("tv")
	page := b.confirm(late)
	b.answer(tooLate, "allow")
	s.clock.add(10 * time.Minute)
	wantError(t, late.poll(), 400, "expired_token")
	wantError(t, tooLate.poll(), 400, "expired_token")
	if a := b.post("/o/device", page.deviceForm("allow")); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an expired code: %d %s", a.StatusCode, a.body)
	}
	d.code = "made-up"
	wantError(t, d.poll(), 400, "invalid_grant")
}

// A yes buys tokens once, of however many that ask at once; and a code can be
// answered once.
func TestRFC8628SingleUseInParallel(t *testing.T) {
	s := withDevices(t)
	b := s.browser().signIn("alice", alicePassword)
	for range 5 {
		s.clock.add(10 * time.Minute) // late answers count as wrong codes
		d := s.device("tv")
		form := b.confirm(d).deviceForm("allow")
		var mu sync.Mutex
		got := map[int]int{}
		count := func(a *answer) { mu.Lock(); got[a.StatusCode]++; mu.Unlock() }
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { count(b.post("/o/device", form)) })
		}
		wg.Wait()
		if got[http.StatusOK] != 1 {
			t.Fatalf("answers: %v", got)
		}
		got = map[int]int{}
		for range 64 {
			wg.Go(func() { count(d.poll()) })
		}
		wg.Wait()
		if got[http.StatusOK] != 1 || got[http.StatusBadRequest] != 63 {
			t.Fatalf("polls: %v", got)
		}
	}
}

// Sections 3.3.1 and 5.4: whoever sends somebody a link gets nothing without a yes
// on the page, which no other site can give for them.
func TestRFC8628AlwaysConfirmed(t *testing.T) {
	s := withDevices(t)
	b := s.browser().signIn("alice", alicePassword)
	for _, client := range []string{"console", "tv", "tv"} { // also after a yes
		d, other := s.device(client), s.device(client)
		page, otherPage := b.confirm(d), b.confirm(other)
		wantError(t, d.poll(), 400, "authorization_pending")
		with := func(name, value string) url.Values {
			form := page.deviceForm("allow")
			form.Set(name, value)
			return form
		}
		moved := otherPage.deviceForm("allow")
		moved.Set("user_code", d.userCode)
		cross := b.request("POST", "/o/device", page.deviceForm("allow"))
		cross.Header.Set("Sec-Fetch-Site", "cross-site")
		for name, a := range map[string]*answer{
			"no token":            b.post("/o/device", with("csrf", "")),
			"token of another":    b.post("/o/device", moved),
			"token of login":      b.post("/o/device", with("csrf", b.get("/o/login").field("csrf"))),
			"neither yes nor no":  b.post("/o/device", with("decision", "perhaps")),
			"from another site":   b.do(cross),
			"by GET":              b.get("/o/device?" + page.deviceForm("allow").Encode()),
			"in a browser of bob": s.browser().signIn("bob", "bob's password").post("/o/device", page.deviceForm("allow")),
		} {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `value="allow"`) {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		if a := s.browser().post("/o/device", page.deviceForm("allow")); a.location().Path != "/o/login" {
			t.Errorf("signed out: %d %s", a.StatusCode, a.location())
		}
		d.wait()
		wantError(t, d.poll(), 400, "authorization_pending")
		b.post("/o/device", page.deviceForm("allow"))
		tokensOf(t, d.poll())
	}
}

// The groups of a client hold here too, at the question and at the yes.
func TestDeviceHoldsToGroups(t *testing.T) {
	s := withDevices(t)
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Client("tv")
		if err != nil {
			return err
		}
		c.AllowGroups = []string{"editors"}
		return tx.PutClient(c)
	})
	d := s.device("tv")
	bob := s.browser().signIn("bob", "bob's password")
	a := bob.get(d.complete)
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Not open to you") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	// The way out leads back to the same code.
	out := regexp.MustCompile(`href="([^"]*/o/accounts[^"]*)"`).FindStringSubmatch(a.body)
	if out == nil {
		t.Fatal("no way out")
	}
	choose := bob.get(strings.ReplaceAll(out[1], "&amp;", "&"))
	if next := bob.choose(choose, "bob"); next.Header.Get("Location") != d.complete {
		t.Errorf("the same person is led to %s", next.Header.Get("Location"))
	}
	if next := bob.login(bob.get(choose.addURL()), "alice", alicePassword); next.Header.Get("Location") != d.complete {
		t.Errorf("leads to %s", next.Header.Get("Location"))
	}
	alice := s.browser().signIn("alice", alicePassword)
	page := alice.confirm(d)
	s.editUser(1, func(u *store.User) { u.Groups = nil })
	if a := alice.post("/o/device", page.deviceForm("allow")); a.StatusCode != http.StatusForbidden {
		t.Errorf("taken out of the group: %d", a.StatusCode)
	}
	wantError(t, d.poll(), 400, "authorization_pending")
}

// Of several people in one browser, the one on the page is who says yes.
func TestDeviceForSomebodyElse(t *testing.T) {
	s := withDevices(t)
	d := s.device("tv")
	b := s.browser().signIn("bob", "bob's password")
	bobs := b.confirm(d)
	other := regexp.MustCompile(`href="([^"]*/o/accounts[^"]*)"`).FindStringSubmatch(bobs.body)
	if other == nil {
		t.Fatal("no way to go on as somebody else")
	}
	choose := b.get(strings.ReplaceAll(other[1], "&amp;", "&"))
	if a := b.login(b.get(choose.addURL()), "alice", alicePassword); a.Header.Get("Location") != d.complete {
		t.Fatalf("led to %s", a.Header.Get("Location"))
	}
	// The page that bob was shown says nothing for alice.
	if a := b.post("/o/device", bobs.deviceForm("allow")); !strings.Contains(a.body, `value="allow"`) || !strings.Contains(a.body, "Alice Lidell") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	b.answer(d, "allow")
	if sub := claimsOf(t, tokensOf(t, d.poll()).id)["sub"]; sub != "1" {
		t.Errorf("the device is %v's", sub)
	}
}

// What was allowed ends with the session, also before the device asked; with
// offline_access it outlives it.
func TestDeviceAndTheSession(t *testing.T) {
	s := withDevices(t)
	for scope, lasts := range map[string]bool{"openid": false, "openid offline_access": true} {
		b := s.browser().signIn("alice", alicePassword)
		before, after := s.device("tv", "scope", scope), s.device("tv", "scope", scope)
		b.answer(before, "allow")
		b.answer(after, "allow")
		tok := tokensOf(t, before.poll())
		b.post("/o/logout", b.get("/o/logout").form())
		if b.signedIn() {
			t.Fatal("still signed in")
		}
		if got := s.token("", refreshForm(tok.refresh, "client_id", "tv")).StatusCode == http.StatusOK; got != lasts {
			t.Errorf("%s: refreshed after signing out: %v", scope, got)
		}
		if got := after.poll().StatusCode == http.StatusOK; got != lasts {
			t.Errorf("%s: tokens after signing out: %v", scope, got)
		}
	}
	// A client that is gone, a user who is disabled: nothing.
	b := s.browser().signIn("bob", "bob's password")
	d := s.device("tv", "scope", "openid offline_access")
	b.answer(d, "allow")
	s.editUser(2, func(u *store.User) { u.IsActive = false })
	wantError(t, d.poll(), 400, "invalid_grant")
	b = s.browser().signIn("alice", alicePassword)
	d = s.device("tv")
	s.update(func(tx store.WriteTx) error { return tx.DeleteClient("tv") })
	if a := b.get(d.complete); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("of a client that is gone: %d", a.StatusCode)
	}
	wantError(t, d.poll(), 401, "invalid_client")
}

// A yes is remembered as consent is, and the client is told when the session ends.
func TestDeviceYesIsRemembered(t *testing.T) {
	s := withDevices(t)
	b := s.browser().signIn("alice", alicePassword)
	b.answer(s.device("tv", "scope", "openid email"), "allow")
	b.answer(s.device("tv", "scope", "openid read"), "allow")
	s.update(func(tx store.WriteTx) error {
		c, err := tx.Consent(1, "tv")
		if err != nil {
			return err
		}
		if strings.Join(c.Scopes, " ") != "openid email read" {
			t.Errorf("%v", c.Scopes)
		}
		if been, err := tx.Visited("tv", 1); err != nil || !been {
			t.Errorf("no visit: %v", err)
		}
		return nil
	})
}

// Section 5.1: user codes are short, so guessing is slowed down before a code is
// looked at; each person for themself, whoever else guesses.
func TestRFC8628UserCodesAreLimited(t *testing.T) {
	s := withDevices(t)
	d := s.device("tv")
	guesser := s.browser().signIn("bob", "bob's password")
	other := s.browser().signIn("bob", "bob's password")
	codes := []int{}
	for range 12 {
		codes = append(codes, guesser.get("/o/device?user_code=BBBB-BBBB").StatusCode)
	}
	if codes[9] != http.StatusUnprocessableEntity || codes[10] != http.StatusTooManyRequests {
		t.Fatalf("%v", codes)
	}
	for name, b := range map[string]*browser{"the same browser": guesser, "another of theirs": other} {
		if a := b.get(d.complete); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || strings.Contains(a.body, "Telly") {
			t.Errorf("the right code, %s: %d", name, a.StatusCode)
		}
	}
	alice := s.browser().signIn("alice", alicePassword)
	page := alice.confirm(d) // from the same network
	for range 20 {
		alice.confirm(d) // what is right does not count
		alice.get("/o/device?user_code=not-a-code")
	}
	alice.post("/o/device", page.deviceForm("allow"))
	tokensOf(t, d.poll())
	s.clock.add(time.Minute)
	d = s.device("tv")
	guesser.confirm(d)
}

// Strangers can name a public client; how many of their devices wait at once is
// bounded. That stops no client that has a secret.
func TestDevicesOfPublicClientsAreLimited(t *testing.T) {
	s := withDevices(t)
	for range 50 {
		s.device("tv")
	}
	a := s.call("POST", "/o/device/code", "", url.Values{"client_id": {"tv"}, "scope": {"openid"}})
	wantError(t, a, http.StatusTooManyRequests, "slow_down")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.device("console")
}

// Neither code lies in the store, and both go away.
func TestDeviceCodesAreHashed(t *testing.T) {
	s := withDevices(t)
	d := s.device("tv")
	s.update(func(tx store.WriteTx) error {
		for kind, code := range map[string]string{"device": d.code, "user_code": d.userCode} {
			kept, err := tx.Ticket(kind, store.HashOf(code))
			if err != nil {
				return err
			}
			if strings.Contains(kept.Data, d.code) || strings.Contains(kept.Data, d.userCode) || kept.ExpiresAt.Sub(s.clock.now()) > 20*time.Minute {
				t.Errorf("%s: %+v", kind, kept)
			}
		}
		return nil
	})
}

// RFC 8707: a device may ask for tokens for APIs, of those its client has.
func TestRFC8707Device(t *testing.T) {
	s := withDevices(t)
	form := url.Values{"client_id": {"tv"}, "scope": {"openid"}, "resource": {"https://api.example.com"}}
	wantError(t, s.call("POST", "/o/device/code", "", form), 400, "invalid_target")
	d := s.device("console", "resource", "https://api.example.com")
	s.browser().signIn("alice", alicePassword).answer(d, "allow")
	other := url.Values{"grant_type": {store.GrantDevice}, "device_code": {d.code}, "resource": {"https://elsewhere.example.com"}}
	wantError(t, s.token(d.authorization, other), 400, "invalid_target")
	tok := tokensOf(t, d.poll())
	// It is for the API, and so not for userinfo.
	if a := s.call("GET", "/o/userinfo", "Bearer "+tok.access, nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", a.StatusCode)
	}
	v := s.call("POST", "/o/introspect", d.authorization, url.Values{"token": {tok.access}}).decode(t)
	if aud, _ := v["aud"].([]any); len(aud) != 1 || aud[0] != "https://api.example.com" {
		t.Errorf("%v", v)
	}
}

// A restart between the yes and the poll loses nothing and gives nothing twice.
func TestDeviceSurvivesARestart(t *testing.T) {
	s := withDevices(t)
	d := s.device("tv")
	s.browser().signIn("alice", alicePassword).answer(d, "allow")
	s.close()
	s.open()
	tokensOf(t, d.poll())
	s.close()
	s.open()
	wantError(t, d.poll(), 400, "invalid_grant")
}

// Login leads back to the page of devices, and to nowhere else by that way.
func TestDeviceLoginLeadsNowhereElse(t *testing.T) {
	s := withDevices(t)
	for handed, want := range map[string]string{
		"user_code=": s.issuer + "/o/device", "user_code=wdjbmjht": s.issuer + "/o/device?user_code=WDJB-MJHT",
		"user_code=https://evil.example.net/": s.issuer + "/o/device", "user_code=%0d%0ax&redirect_uri=https://evil.example.net/": s.issuer + "/o/device",
	} {
		b := s.browser()
		page := b.get("/o/login?continue=" + url.QueryEscape(handed))
		if got := b.login(page, "alice", alicePassword).Header.Get("Location"); got != want {
			t.Errorf("%q leads to %s", handed, got)
		}
	}
	if a := s.browser().get("/o/login?continue=" + url.QueryEscape("user_code=x&client_id=nobody")); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a request with a user code in it: %d", a.StatusCode)
	}
}

func TestRFC8628Metadata(t *testing.T) {
	s := newServer(t)
	v := s.call("GET", "/.well-known/oauth-authorization-server", "", nil).decode(t)
	if v["device_authorization_endpoint"] != s.issuer+"/o/device/code" || !strings.Contains(s.call("GET", "/.well-known/openid-configuration", "", nil).body, `"`+store.GrantDevice+`"`) {
		t.Errorf("%v", v)
	}
}

// The picture is the same for codes that there are and codes that there are not,
// and needs no sign-in, for it is the device that asks.
func TestDeviceQR(t *testing.T) {
	s := withDevices(t)
	d := s.device("tv")
	sizes := map[int]bool{}
	for _, code := range []string{d.userCode, "BBBB-BBBB", "bbbb bbbb"} {
		a := s.call("GET", "/o/device/qr?user_code="+url.QueryEscape(code), "", nil)
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "image/png" || !strings.Contains(a.Header.Get("Cache-Control"), "max-age=600") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s: %d %v", code, a.StatusCode, a.Header)
		}
		picture, err := png.Decode(bytes.NewReader([]byte(a.body)))
		if err != nil {
			t.Fatal(err)
		}
		side := picture.Bounds().Dx()
		sizes[side] = true
		dark := func(x, y int) bool { r, _, _, _ := picture.At(x, y).RGBA(); return r == 0 }
		// Four modules of quiet around, three corners with a finder pattern.
		for _, at := range [][2]int{{36, 36}, {side - 37, 36}, {36, side - 37}} {
			if !dark(at[0], at[1]) {
				t.Errorf("%s: no corner at %v", code, at)
			}
		}
		for i := range side {
			if dark(i, 31) || dark(31, i) || dark(i, side-32) || dark(side-32, i) {
				t.Fatalf("%s: not quiet around", code)
			}
		}
	}
	if len(sizes) != 1 {
		t.Errorf("pictures differ in size: %v", sizes)
	}
	for _, code := range []string{"", "x", "AAAA-AAAA", "https://evil.example.net/", strings.Repeat("B", 9)} {
		if a := s.call("GET", "/o/device/qr?user_code="+url.QueryEscape(code), "", nil); a.StatusCode != http.StatusBadRequest || a.Header.Get("Content-Type") == "image/png" || strings.Contains(a.Header.Get("Cache-Control"), "public") {
			t.Errorf("%q: %d %v", code, a.StatusCode, a.Header)
		}
	}
	last := 0
	for range 250 {
		last = s.serve("GET", "/o/device/qr?user_code=BBBB-BBBB", "", "").Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("250 pictures at once: %d", last)
	}
}

// Whatever is asked at the endpoints of devices, by who is signed in or not, is
// answered, and leads nowhere but to our own pages.
func FuzzDevice(f *testing.F) {
	s := withDevices(f)
	session := s.browser().signIn("alice", alicePassword).sessionCookie()
	f.Add("user_code=WDJB-MJHT", "client_id=tv&scope=openid")
	f.Add("user_code=wdjb%20mjht&decision=allow&csrf=x", "client_id=tv&scope=openid&resource=x")
	f.Add("user_code=%ff&user_code=x", "client_id=spa&scope=%zz")
	f.Add("user_code=https://evil.example.net/", "client_id=console&client_secret=x&device_code=y&grant_type="+url.QueryEscape(store.GrantDevice))
	f.Fuzz(func(t *testing.T, query, body string) {
		const form = "application/x-www-form-urlencoded"
		for _, signedIn := range []string{"", session.Name + "=" + session.Value} {
			for _, w := range []*httptest.ResponseRecorder{
				s.serve("GET", "/o/device?"+query, "", "", "Cookie", signedIn),
				s.serve("POST", "/o/device", form, query, "Cookie", signedIn),
				s.serve("GET", "/o/device/qr?"+query, "", "", "Cookie", signedIn),
			} {
				loc := w.Header().Get("Location")
				if w.Code >= 500 || loc != "" && !strings.HasPrefix(loc, s.issuer+"/o/login?continue=user_code%3D") {
					t.Fatalf("%q: %d to %q", query, w.Code, loc)
				}
			}
		}
		for _, path := range []string{"/o/device/code", "/o/token"} {
			if w := s.serve("POST", path, form, body); w.Code >= 500 || !strings.HasPrefix(w.Body.String(), "{") {
				t.Fatalf("%s with %q: %d %s", path, body, w.Code, w.Body)
			}
		}
	})
}
