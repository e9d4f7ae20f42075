package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func newTOTP(userID int64, id string) *store.Factor {
	return &store.Factor{UserID: userID, ID: id, Kind: store.FactorTOTP, Name: "Phone", CreatedAt: day, Sealed: []byte{0, 1, 255}}
}

func newPasskey(userID int64, id, credential string) *store.Factor {
	return &store.Factor{UserID: userID, ID: id, Kind: store.FactorPasskey, Name: "Key", CreatedAt: day.Add(time.Second), Passkey: &store.Passkey{
		CredentialID: []byte(credential), PublicKey: []byte{0xa5, 0}, SignCount: 7, AAGUID: make([]byte, 16), Transports: []string{"usb", "nfc"},
		BackupEligible: true,
	}}
}

func putFactor(p *place, f *store.Factor) *store.Factor {
	p.t.Helper()
	p.update(func(tx store.WriteTx) error { return tx.PutFactor(f) })
	return f
}

func readFactor(userID int64, id string) func(store.ReadTx) (*store.Factor, error) {
	return func(tx store.ReadTx) (*store.Factor, error) { return tx.Factor(userID, id) }
}

func factorsOf(p *place, userID int64) []*store.Factor {
	p.t.Helper()
	return must(p, func(tx store.ReadTx) ([]*store.Factor, error) { return tx.Factors(userID) })
}

func recoveryCodesOf(p *place, userID int64) []store.Hash {
	p.t.Helper()
	return must(p, func(tx store.ReadTx) ([]store.Hash, error) { return tx.RecoveryCodes(userID) })
}

func testFactor(t *testing.T, p *place) {
	gone(p, "no factor", readFactor(7, "a"))
	if got := factorsOf(p, 7); len(got) != 0 {
		t.Errorf("who has none has %v", got)
	}
	key, app := putFactor(p, newPasskey(7, "a", "cred")), putFactor(p, newTOTP(7, "b"))
	putFactor(p, newTOTP(8, "b"))
	if got := must(p, readFactor(7, "a")); !reflect.DeepEqual(got, key) {
		t.Errorf("got %+v; want %+v", got, key)
	}
	if got := factorsOf(p, 7); !reflect.DeepEqual(got, []*store.Factor{app, key}) {
		t.Errorf("listed %+v; want the oldest first", got)
	}
	gone(p, "another user's factor", readFactor(8, "a"))
	app.Name, app.LastUsed, app.LastStep = "Tablet", day, 1<<40
	putFactor(p, app)
	p.reopen()
	if got := must(p, readFactor(7, "b")); !reflect.DeepEqual(got, app) {
		t.Errorf("replaced: got %+v; want %+v", got, app)
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteFactor(7, "b") })
	gone(p, "a deleted factor", readFactor(7, "b"))
	notFound(t, "deleting twice", p.fails(func(tx store.WriteTx) error { return tx.DeleteFactor(7, "b") }))
	must(p, readFactor(8, "b"))
	must(p, readFactor(7, "a"))
}

// testPasskey: a credential belongs to one factor, and its count only grows.
func testPasskey(t *testing.T, p *place) {
	f := putFactor(p, newPasskey(7, "a", "cred"))
	for _, other := range []*store.Factor{newPasskey(8, "a", "cred"), newPasskey(7, "b", "cred")} {
		conflict(t, p.fails(func(tx store.WriteTx) error { return tx.PutFactor(other) }), "factor", "credential_id")
		gone(p, "a second factor of the credential", readFactor(other.UserID, other.ID))
	}
	putFactor(p, f) // again is fine
	bad := newTOTP(7, "c")
	bad.Kind = store.FactorPasskey
	p.fails(func(tx store.WriteTx) error { return tx.PutFactor(bad) })

	use := func(count uint32) error {
		return p.s.Update(t.Context(), func(tx store.WriteTx) error {
			return store.UsePasskey(tx, 7, "a", count, true, day.Add(time.Hour))
		})
	}
	for _, step := range []struct {
		count uint32
		good  bool
	}{{7, false}, {6, false}, {0, false}, {8, true}, {8, false}, {20, true}} {
		if err := use(step.count); step.good && err != nil || !step.good && !errors.Is(err, store.ErrSpent) {
			t.Errorf("count %d: %v; good is %v", step.count, err, step.good)
		}
	}
	if got := must(p, readFactor(7, "a")); got.Passkey.SignCount != 20 || !got.Passkey.BackedUp || !got.LastUsed.Equal(day.Add(time.Hour)) {
		t.Errorf("after use: %+v %+v", got, got.Passkey)
	}
	// One that does not count.
	still := newPasskey(7, "still", "other")
	still.Passkey.SignCount = 0
	putFactor(p, still)
	for range 2 {
		p.update(func(tx store.WriteTx) error { return store.UsePasskey(tx, 7, "still", 0, false, day) })
	}
	// Whoever removes it can have it elsewhere.
	p.update(func(tx store.WriteTx) error { return tx.DeleteFactor(7, "a") })
	putFactor(p, newPasskey(8, "a", "cred"))
	notFound(t, "using one that is gone", use(100))
}

// testTOTPRace: a code opens once, however many try it at once.
func testTOTPRace(t *testing.T, p *place) {
	putFactor(p, newTOTP(7, "a"))
	use := func(step int64) func(int, store.WriteTx) error {
		return func(_ int, tx store.WriteTx) error { return store.UseTOTP(tx, 7, "a", step, day) }
	}
	oneWinner(t, race(p, use(1000)), store.ErrSpent)
	p.reopen()
	for _, step := range []int64{1000, 999} {
		for _, err := range race(p, use(step)) {
			if !errors.Is(err, store.ErrSpent) {
				t.Fatalf("step %d after a restart: %v; want ErrSpent", step, err)
			}
		}
	}
	p.update(func(tx store.WriteTx) error { return use(1001)(0, tx) })
}

func testRecoveryCodes(t *testing.T, p *place) {
	shown, kept := store.NewRecoveryCodes()
	if len(shown) != store.RecoveryCodeCount || len(kept) != len(shown) {
		t.Fatalf("%d codes, %d kept", len(shown), len(kept))
	}
	for i, code := range shown {
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ")} {
			if got, ok := store.RecoveryCode(typed); !ok || got != kept[i] {
				t.Errorf("%q is not the code %q", typed, code)
			}
		}
	}
	for _, typed := range []string{"", "123456", shown[0] + "0", shown[0][1:], strings.Repeat("0", 1000)} {
		if _, ok := store.RecoveryCode(typed); ok {
			t.Errorf("%q is taken for a code", typed)
		}
	}
	spend := func(userID int64, code store.Hash) func(store.WriteTx) error {
		return func(tx store.WriteTx) error { return tx.SpendRecoveryCode(userID, code) }
	}
	p.update(func(tx store.WriteTx) error { return tx.PutRecoveryCodes(7, kept) })
	notFound(t, "another user's code", p.fails(spend(8, kept[0])))
	p.update(spend(7, kept[0]))
	notFound(t, "spending twice", p.fails(spend(7, kept[0])))
	left := recoveryCodesOf(p, 7)
	if len(left) != len(kept)-1 || slices.Contains(left, kept[0]) {
		t.Errorf("%d codes are left", len(left))
	}
	_, fresh := store.NewRecoveryCodes()
	p.update(func(tx store.WriteTx) error { return tx.PutRecoveryCodes(7, fresh) })
	notFound(t, "a code of the old ones", p.fails(spend(7, kept[1])))
	p.reopen()
	p.update(spend(7, fresh[1]))

	// With the last factor they go.
	putFactor(p, newTOTP(7, "a"))
	putFactor(p, newPasskey(7, "b", "cred"))
	p.update(func(tx store.WriteTx) error { return store.RemoveFactor(tx, 7, "a") })
	if len(recoveryCodesOf(p, 7)) != len(fresh)-1 {
		t.Error("the codes went before the last factor")
	}
	p.update(func(tx store.WriteTx) error { return store.RemoveFactor(tx, 7, "b") })
	if len(recoveryCodesOf(p, 7)) != 0 {
		t.Error("the codes outlive the last factor")
	}
}

func testRecoveryCodeRace(t *testing.T, p *place) {
	_, kept := store.NewRecoveryCodes()
	p.update(func(tx store.WriteTx) error { return tx.PutRecoveryCodes(7, kept) })
	spend := func(_ int, tx store.WriteTx) error { return tx.SpendRecoveryCode(7, kept[0]) }
	oneWinner(t, race(p, spend), store.ErrNotFound)
	p.reopen()
	for _, err := range race(p, spend) {
		notFound(t, "after a restart", err)
	}
}

// testFactorsDeleted: a deleted user leaves nothing by which to sign in, and no
// claim on a passkey.
func testFactorsDeleted(t *testing.T, p *place) {
	u, other := putUser(p, newUser("u")), putUser(p, newUser("other"))
	_, kept := store.NewRecoveryCodes()
	for _, id := range []int64{u.ID, other.ID} {
		putFactor(p, newTOTP(id, "a"))
		putFactor(p, newPasskey(id, "b", name("cred", int(id))))
		p.update(func(tx store.WriteTx) error { return tx.PutRecoveryCodes(id, kept) })
	}
	p.update(func(tx store.WriteTx) error { return tx.DeleteUser(u.ID) })
	if len(factorsOf(p, u.ID)) != 0 || len(recoveryCodesOf(p, u.ID)) != 0 {
		t.Error("a deleted user has factors")
	}
	if len(factorsOf(p, other.ID)) != 2 || len(recoveryCodesOf(p, other.ID)) != len(kept) {
		t.Error("another user's factors are gone")
	}
	putFactor(p, newPasskey(other.ID, "c", name("cred", int(u.ID))))
}
