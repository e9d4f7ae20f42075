package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// factorsLeft are how many factors and recovery codes somebody has.
func (s *server) factorsLeft(id int64) (factors, codes int) {
	s.t.Helper()
	s.view(func(tx store.ReadTx) error {
		f, err := tx.Factors(id)
		if err != nil {
			return err
		}
		c, err := tx.RecoveryCodes(id)
		factors, codes = len(f), len(c)
		return err
	})
	return factors, codes
}

// Somebody's second factors go once a page was answered that names them, and says how
// the person signs in from then on.
func TestFactorsAreTakenAwayOnceAsked(t *testing.T) {
	s := newServer(t, func(c *provider.Config) { c.SecondFactor.Groups = []string{"editors"} })
	for name, want := range map[string]string{
		"ada": "have to set up a new second factor", "bob": "need their password alone.", "nil": "They have no password",
	} {
		u := s.user(name)
		if u == nil {
			u = s.addUser(&store.User{Username: name})
			s.update(func(tx store.WriteTx) error { return tx.PutCredential(&store.Credential{UserID: u.ID}) })
		}
		by, id := s.as("sam"), u.ID
		path := s.userURL(name) + "/factors"
		if strings.Contains(by.get(s.userURL(name)).body, path) || by.get(path).StatusCode != 303 {
			t.Errorf("%s has none, and they can be taken away", name)
		}
		s.giveFactor(id, "My phone")
		s.update(func(tx store.WriteTx) error {
			_, codes := store.NewRecoveryCodes()
			return tx.PutRecoveryCodes(id, codes)
		})
		if !strings.Contains(by.get(s.userURL(name)).body, `href="`+path+`"`) {
			t.Error("nothing leads to the question")
		}
		ask := by.get(path)
		for _, says := range []string{"<li><bdi>My phone</bdi></li>", "and the recovery codes with them", "signed out everywhere", want} {
			if !strings.Contains(ask.body, says) {
				t.Errorf("%s: the question lacks %q: %s", name, says, ask.body)
			}
		}
		// The button of before does no more, and a browser left open does not either.
		if a := by.post(s.userURL(name), ask.form("action", "reset_factors")); a.StatusCode != 422 {
			t.Errorf("without a question: %d", a.StatusCode)
		}
		s.clock.add(16 * time.Minute)
		if a := by.post(path, ask.form()); a.StatusCode != 303 || a.location().Path != "/o/login" {
			t.Errorf("later: %d to %s", a.StatusCode, a.Header.Get("Location"))
		}
		if f, codes := s.factorsLeft(id); f != 1 || codes != store.RecoveryCodeCount {
			t.Fatalf("%d factors and %d codes are left already", f, codes)
		}
		by = s.as("sam")
		a := by.post(path, by.get(path).form())
		if f, codes := s.factorsLeft(id); a.StatusCode != 303 || f+codes != 0 {
			t.Errorf("%d, and %d factors and %d codes are left", a.StatusCode, f, codes)
		}
		if next := by.get(a.Header.Get("Location")); !strings.Contains(next.body, "All second factors were taken away.") {
			t.Error("that it was done is not said")
		}
	}
}
