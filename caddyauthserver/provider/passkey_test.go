package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// newNamedServer is a server at localhost, since passkeys belong to a name.
func newNamedServer(t testing.TB, opts ...option) *server {
	s := newServer(t, append([]option{func(c *provider.Config) { c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1) }}, opts...)...)
	s.url = s.issuer
	return s
}

// passkey is an authenticator with one credential, and the browser around it.
type passkey struct {
	t      testing.TB
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	// What it says, right unless a test makes it wrong.
	origin, rpID string
	count        uint32
	flags        byte
	typ          string // of what was collected; "" for the right one
	cross        bool
}

// The flags of authenticator data (WebAuthn section 6.1).
const (
	userPresent    = 1 << 0
	userVerified   = 1 << 2
	backupEligible = 1 << 3
	backedUp       = 1 << 4
	attested       = 1 << 6
)

func (s *server) passkey(userID int64) *passkey {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &passkey{
		t: s.t, key: key, id: id, handle: []byte(strconv.FormatInt(userID, 10)), origin: s.issuer, rpID: "localhost", flags: userPresent | userVerified,
	}
}

// give has the user have it already.
func (s *server) givePasskey(userID int64) *passkey {
	s.t.Helper()
	k := s.passkey(userID)
	s.update(func(tx store.WriteTx) error {
		return tx.PutFactor(&store.Factor{
			UserID: userID, ID: store.NewSecret(), Kind: store.FactorPasskey, Name: "Key", CreatedAt: s.clock.now(),
			Passkey: &store.Passkey{CredentialID: k.id, PublicKey: k.cose(), BackupEligible: k.flags&backupEligible != 0},
		})
	})
	return k
}

func (k *passkey) cose() []byte {
	k.t.Helper()
	point, err := k.key.PublicKey.Bytes()
	if err != nil {
		k.t.Fatal(err)
	}
	b, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:],
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *passkey) collected(typ, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": typ, "challenge": challenge, "origin": k.origin, "crossOrigin": k.cross})
	return b
}

func (k *passkey) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(k.rpID))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), k.count)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (k *passkey) answer(response map[string]any) string {
	b, _ := json.Marshal(map[string]any{
		"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
	return string(b)
}

// asked is the challenge of the page.
func (a *answer) asked(t testing.TB) string {
	t.Helper()
	m := regexp.MustCompile(`data-passkey="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no passkey is asked for: %d %s", a.StatusCode, a.body)
	}
	var asked struct{ Challenge string }
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &asked); err != nil || asked.Challenge == "" {
		t.Fatal(err)
	}
	return asked.Challenge
}

// get answers the challenge of a page that asks for the passkey.
func (k *passkey) get(page *answer) string {
	k.t.Helper()
	return k.sign(page.asked(k.t))
}

func (k *passkey) sign(challenge string) string {
	k.t.Helper()
	typ := k.typ
	if typ == "" {
		typ = "webauthn.get"
	}
	k.count++
	client, data := k.collected(typ, challenge), k.data(k.flags)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(data, hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.key, digest[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return k.answer(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(k.handle),
	})
}

// create answers the challenge of a page that adds a passkey.
func (k *passkey) create(page *answer) string {
	k.t.Helper()
	return k.makes(page.asked(k.t))
}

func (k *passkey) makes(challenge string) string {
	k.t.Helper()
	typ := k.typ
	if typ == "" {
		typ = "webauthn.create"
	}
	data := append(k.data(k.flags|attested), make([]byte, 16)...)
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(k.id))), k.id...)
	data = append(data, k.cose()...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		k.t.Fatal(err)
	}
	return k.answer(map[string]any{
		"clientDataJSON": b64(k.collected(typ, challenge)), "attestationObject": b64(object), "transports": []string{"internal", "<script>"},
	})
}

// byPasskey posts an answer to the sign-in page.
func (b *browser) byPasskey(page *answer, passkey string) *answer {
	b.t.Helper()
	return b.post("/o/login", page.form("passkey", passkey, "username", "", "password", ""))
}

func TestPasskeySignsInAlone(t *testing.T) {
	s := newNamedServer(t)
	k := s.givePasskey(1)
	b := s.browser()
	q := authQuery("app", appRedirect)
	page := b.get(b.authorize(q).Header.Get("Location"))
	if !strings.Contains(page.body, `autocomplete="username webauthn"`) || !strings.Contains(page.Header.Get("Content-Security-Policy"), "script-src 'sha256-") ||
		strings.Contains(page.Header.Get("Content-Security-Policy"), "connect-src") {
		t.Errorf("the page: %s", page.Header.Get("Content-Security-Policy"))
	}
	a := b.byPasskey(page, k.get(page))
	if a.StatusCode != http.StatusSeeOther || a.location().Path != "/o/authorize" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	id := b.idTokenOf(a, q)
	if id["sub"] != "1" || id["acr"] != "2" || fmt.Sprint(id["amr"]) != "[hwk mfa]" {
		t.Errorf("sub %v, acr %v, amr %v", id["sub"], id["acr"], id["amr"])
	}
	if f, _ := s.factorsOf(1); f[0].Passkey.SignCount != 1 || !f[0].LastUsed.Equal(s.clock.now()) {
		t.Errorf("kept: %+v %+v", f[0], f[0].Passkey)
	}
	if a := s.browser(); a.signedIn() {
		t.Error("everybody is signed in")
	}
}

// TestForgedPasskey: nothing but a right answer of a known passkey, to a challenge of
// this page in this browser, signs in; and all of it is answered alike.
func TestForgedPasskey(t *testing.T) {
	s := newNamedServer(t)
	k := s.givePasskey(1)
	k.count = 10
	s.update(func(tx store.WriteTx) error {
		f, err := tx.Factors(1)
		if err != nil {
			return err
		}
		f[0].Passkey.SignCount = 10
		return tx.PutFactor(f[0])
	})
	disabled := s.givePasskey(3)
	// A stranger's, who says that he is alice.
	stranger := s.passkey(1)
	// bob's, which says that it is alice's.
	bobs := s.givePasskey(2)
	bobs.handle = []byte("1")
	with := func(k *passkey, change func(*passkey)) *passkey { c := *k; change(&c); return &c }
	other := s.browser()
	for name, answer := range map[string]func(page *answer) string{
		"wrong origin": func(a *answer) string {
			return with(k, func(k *passkey) { k.origin = "https://evil.example.com" }).get(a)
		},
		"another port":          func(a *answer) string { return with(k, func(k *passkey) { k.origin = "http://localhost:1" }).get(a) },
		"another scheme":        func(a *answer) string { return with(k, func(k *passkey) { k.origin = "https" + k.origin[4:] }).get(a) },
		"in a frame of another": func(a *answer) string { return with(k, func(k *passkey) { k.cross = true }).get(a) },
		"wrong rp id":           func(a *answer) string { return with(k, func(k *passkey) { k.rpID = "evil.example.com" }).get(a) },
		"user not verified":     func(a *answer) string { return with(k, func(k *passkey) { k.flags = userPresent }).get(a) },
		"user not present":      func(a *answer) string { return with(k, func(k *passkey) { k.flags = userVerified }).get(a) },
		"count goes back":       func(a *answer) string { return with(k, func(k *passkey) { k.count = 4 }).get(a) },
		"count stands still":    func(a *answer) string { return with(k, func(k *passkey) { k.count = 9 }).get(a) },
		"became one for backup": func(a *answer) string {
			return with(k, func(k *passkey) { k.flags |= backupEligible | backedUp }).get(a)
		},
		"of another ceremony":       func(a *answer) string { return with(k, func(k *passkey) { k.typ = "webauthn.create" }).get(a) },
		"another user's":            bobs.get,
		"of nobody":                 func(a *answer) string { return with(k, func(k *passkey) { k.handle = []byte("99") }).get(a) },
		"a handle that is none":     func(a *answer) string { return with(k, func(k *passkey) { k.handle = []byte("-1' or 1") }).get(a) },
		"without a handle":          func(a *answer) string { return with(k, func(k *passkey) { k.handle = nil }).get(a) },
		"a stranger's":              stranger.get,
		"a stranger's key under it": func(a *answer) string { return with(k, func(k *passkey) { k.key = stranger.key }).get(a) },
		"of somebody disabled":      disabled.get,
		"a made up challenge":       func(a *answer) string { return k.sign(b64(make([]byte, 56))) },
		"a short challenge":         func(a *answer) string { return k.sign("") },
		"another browser's":         func(a *answer) string { return k.get(other.get("/o/login")) },
		"garbage":                   func(*answer) string { return "garbage" },
		"an empty object":           func(*answer) string { return "{}" },
		"too long":                  func(a *answer) string { return k.get(a) + strings.Repeat(" ", 20000) },
		"one that makes a passkey":  k.create,
	} {
		b := s.browser()
		page := b.get("/o/login")
		a := b.byPasskey(page, answer(page))
		if a.StatusCode != http.StatusForbidden || b.signedIn() {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
		if strings.Contains(name, "challenge") || name == "another browser's" || name == "one that makes a passkey" {
			continue
		}
		if !strings.Contains(a.body, "This passkey did not sign you in.") {
			t.Errorf("%s is told apart: %s", name, a.body)
		}
		s.clock.add(time.Minute) // so that nobody waits
	}
	// The form's own token is needed, too.
	b := s.browser()
	page := b.get("/o/login")
	if a := b.post("/o/login", url.Values{"passkey": {k.get(page)}}); a.StatusCode != http.StatusForbidden || b.signedIn() {
		t.Errorf("without csrf: %d", a.StatusCode)
	}
	// A challenge ends.
	raw := k.get(page)
	s.clock.add(time.Hour)
	if a := b.byPasskey(page, raw); a.StatusCode != http.StatusForbidden || b.signedIn() {
		t.Errorf("too late: %d", a.StatusCode)
	}
	// After all of it, the right one is right, and once.
	k.count = 20
	page = b.get("/o/login")
	raw = k.get(page)
	if a := b.byPasskey(page, raw); a.StatusCode != http.StatusSeeOther || !b.signedIn() {
		t.Fatalf("the right one: %d %s", a.StatusCode, a.body)
	}
	b.become("")
	if a := b.byPasskey(page, raw); a.StatusCode != http.StatusForbidden || b.signedIn() {
		t.Errorf("a replay: %d", a.StatusCode)
	}
}

// TestChallengeOnce: also a passkey that does not count answers a challenge once.
func TestChallengeOnce(t *testing.T) {
	s := newNamedServer(t)
	k := s.givePasskey(1)
	b := s.browser()
	page := b.get("/o/login")
	still := func() string { k.count = ^uint32(0); return k.get(page) } // says 0
	if a := b.byPasskey(page, still()); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	b.become("")
	if a := b.byPasskey(page, still()); a.StatusCode != http.StatusForbidden || b.signedIn() {
		t.Errorf("a second answer to one challenge: %d", a.StatusCode)
	}
	page = b.get("/o/login")
	if a := b.byPasskey(page, still()); a.StatusCode != http.StatusSeeOther {
		t.Errorf("to another challenge: %d", a.StatusCode)
	}
}

// TestPasskeyAsSecondFactor: of the person whose password was given, and to the
// challenge of that page.
func TestPasskeyAsSecondFactor(t *testing.T) {
	s := newNamedServer(t)
	k, bobs := s.givePasskey(1), s.givePasskey(2)
	k.flags = userPresent // a simple key: the password is what they know
	b := s.browser()
	q := authQuery("app", appRedirect)
	page := b.password(b.authorize(q))
	give := func(raw string) *answer { return b.post("/o/second-factor", page.factorForm("passkey", raw)) }
	bobs.handle = nil
	for name, raw := range map[string]string{
		"bob's":                     bobs.get(page),
		"to the sign-in page":       k.get(b.get("/o/login")),
		"to another pending":        k.get(func() *answer { o := s.browser(); return o.password(o.get("/o/login")) }()),
		"garbage":                   "garbage",
		"a code instead of passkey": "123456",
	} {
		if a := give(raw); a.StatusCode != http.StatusForbidden || b.signedIn() {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	k.count = 100
	a := give(k.get(page))
	if a.StatusCode != http.StatusSeeOther || !b.signedIn() {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if id := b.idTokenOf(a, q); id["acr"] != "2" || fmt.Sprint(id["amr"]) != "[pwd hwk mfa]" {
		t.Errorf("acr %v, amr %v", id["acr"], id["amr"])
	}
}

func TestAddPasskey(t *testing.T) {
	s := newNamedServer(t)
	b := s.browser().signIn("alice", alicePassword)
	k := s.passkey(1)
	k.flags |= backupEligible | backedUp
	page := b.get("/o/account/security/passkey")
	add := func(page *answer, raw string) *answer {
		return b.post("/o/account/security/passkey", page.form("passkey", raw, "name", " My <b>laptop</b>\r\nBcc: x "))
	}
	with := func(change func(*passkey)) string { c := *k; change(&c); return c.create(page) }
	for name, raw := range map[string]string{
		"wrong origin":        with(func(k *passkey) { k.origin = "https://evil.example.com" }),
		"wrong rp id":         with(func(k *passkey) { k.rpID = "example.com" }),
		"user not present":    with(func(k *passkey) { k.flags = 0 }),
		"of another ceremony": with(func(k *passkey) { k.typ = "webauthn.get" }),
		"to another page":     k.create(b.get("/o/login")),
		"an answer":           k.get(page),
		"garbage":             "garbage",
		"nothing":             "",
	} {
		if a := add(page, raw); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if f, _ := s.factorsOf(1); len(f) != 0 {
		t.Fatal("one of them was taken")
	}
	raw := k.create(page)
	if a := b.post("/o/account/security/passkey", page.form("passkey", raw, "csrf", "")); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without csrf: %d", a.StatusCode)
	}
	if a := add(page, raw); a.StatusCode != http.StatusOK || len(a.recoveryCodes()) != store.RecoveryCodeCount {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	f, _ := s.factorsOf(1)
	if len(f) != 1 || f[0].Name != "My <b>laptop</b>Bcc: x" || len(f[0].Passkey.Transports) != 1 || !f[0].Passkey.BackupEligible || !f[0].Passkey.BackedUp {
		t.Errorf("kept: %+v %+v", f[0], f[0].Passkey)
	}
	list := b.get("/o/account/security")
	if strings.Contains(list.body, "<b>laptop") || !strings.Contains(list.body, "&lt;b&gt;laptop") {
		t.Error("the name is not escaped")
	}
	// bob cannot have the same one.
	bob := s.browser().signIn("bob", "bob's password")
	page = bob.get("/o/account/security/passkey")
	if a := bob.post("/o/account/security/passkey", page.form("passkey", k.create(page))); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a passkey of two people: %d", a.StatusCode)
	}
	// It signs in; it can be on several devices, which is said.
	other := s.browser()
	q := authQuery("app", appRedirect)
	page = other.get(other.authorize(q).Header.Get("Location"))
	if id := other.idTokenOf(other.byPasskey(page, k.get(page)), q); fmt.Sprint(id["amr"]) != "[swk mfa]" {
		t.Errorf("amr %v", id["amr"])
	}
	// Removed, it does not.
	b.post("/o/account/security/remove", b.askToRemove(f[0]).form())
	third := s.browser()
	page = third.get("/o/login")
	if a := third.byPasskey(page, k.get(page)); a.StatusCode != http.StatusForbidden || third.signedIn() {
		t.Errorf("a removed one: %d", a.StatusCode)
	}
}

// TestNoPasskeysForAddresses: an issuer that is an IP address has none, and all else.
func TestNoPasskeysForAddresses(t *testing.T) {
	s := newServer(t)
	b := s.browser().signIn("alice", alicePassword)
	if a := b.get("/o/account/security/passkey"); a.StatusCode != http.StatusNotFound {
		t.Errorf("the page: %d", a.StatusCode)
	}
	if a := b.get("/o/account/security"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "passkey") {
		t.Errorf("the list: %d %s", a.StatusCode, a.body)
	}
	login := s.browser()
	if a := login.get("/o/login"); strings.Contains(a.body, "passkey") {
		t.Error("the sign-in page offers passkeys")
	}
	if a := login.byPasskey(login.get("/o/login"), "{}"); a.StatusCode != http.StatusForbidden {
		t.Errorf("an answer all the same: %d", a.StatusCode)
	}
}

// FuzzPasskeyAnswer: what strangers post to the sign-in page signs nobody in, and
// breaks nothing.
func FuzzPasskeyAnswer(f *testing.F) {
	s := newNamedServer(f)
	k := s.givePasskey(1)
	b := s.browser()
	page := b.get("/o/login")
	f.Add(k.sign(b64(make([]byte, 56))))
	f.Add(k.create(page))
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		s.clock.add(time.Minute)
		b := &browser{s, t, b.jar}
		if a := b.byPasskey(b.get("/o/login"), raw); a.StatusCode == http.StatusSeeOther || a.StatusCode >= 500 {
			t.Errorf("%d to %s", a.StatusCode, a.Header.Get("Location"))
		}
	})
}
