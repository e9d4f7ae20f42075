package provider_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

func noGrace(c *provider.Config) { c.RefreshGrace = -1 }

func (s *server) status(access string) int {
	s.t.Helper()
	return s.call("GET", "/o/userinfo", "Bearer "+access, nil).StatusCode
}

// The answer got lost: the same client gets the same successor again, also after a
// restart, and goes on from there.
func TestRFC9700Section4142LostAnswer(t *testing.T) {
	s := newServer(t)
	app := as("app", appSecret)
	first := s.browser().tokens("openid email")
	lost := tokensOf(t, s.token(app, refreshForm(first.refresh)))
	s.close()
	s.open()
	s.clock.add(provider.DefaultRefreshGrace - time.Millisecond)
	answer := s.token(app, refreshForm(first.refresh, "scope", "openid"))
	again := tokensOf(t, answer)
	if again.refresh != lost.refresh || again.access == lost.access || answer.decode(t)["scope"] != "openid" {
		t.Errorf("again %+v; lost was %+v", again, lost)
	}
	for _, access := range []string{lost.access, again.access} {
		if got := s.status(access); got != http.StatusOK {
			t.Errorf("an access token: %d", got)
		}
	}
	if claimsOf(t, again.id)["sub"] != "1" {
		t.Errorf("ID token %v", claimsOf(t, again.id))
	}
	next := tokensOf(t, s.token(app, refreshForm(again.refresh)))
	if s.status(next.access) != http.StatusOK || next.refresh == again.refresh {
		t.Error("does not go on")
	}
}

// Reuse is theft when the time is over, and when the successor was used.
func TestRFC9700Section4142ReuseAfterGrace(t *testing.T) {
	for name, until := range map[string]func(*server, tokens) tokens{
		"late": func(s *server, second tokens) tokens {
			s.clock.add(provider.DefaultRefreshGrace)
			return second
		},
		"used": func(s *server, second tokens) tokens {
			return tokensOf(s.t, s.token(as("app", appSecret), refreshForm(second.refresh)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			first := s.browser().tokens("openid")
			second := tokensOf(t, s.token(as("app", appSecret), refreshForm(first.refresh)))
			last := until(s, second)
			wantError(t, s.token(as("app", appSecret), refreshForm(first.refresh)), 400, "invalid_grant")
			for _, access := range []string{first.access, second.access, last.access} {
				if got := s.status(access); got != http.StatusUnauthorized {
					t.Errorf("an access token of the family: %d", got)
				}
			}
			wantError(t, s.token(as("app", appSecret), refreshForm(last.refresh)), 400, "invalid_grant")
		})
	}
}

// The grace widens nothing: not for other clients, nor the scopes, nor for a user
// who was disabled; and a mistake kills nothing.
func TestRefreshGraceWidensNothing(t *testing.T) {
	s := newServer(t)
	app := as("app", appSecret)
	first := s.browser().tokens("openid")
	second := tokensOf(t, s.token(app, refreshForm(first.refresh)))
	wantError(t, s.token(as("gate", "gate-secret"), refreshForm(first.refresh)), 400, "invalid_grant")
	wantError(t, s.token("", refreshForm(first.refresh, "client_id", "spa")), 400, "invalid_grant")
	wantError(t, s.token("", refreshForm(first.refresh)), 401, "invalid_client")
	wantError(t, s.token(app, refreshForm(first.refresh, "scope", "openid email")), 400, "invalid_scope")
	if s.status(second.access) != http.StatusOK {
		t.Fatal("a refused attempt ended what the client has")
	}
	s.editUser(1, func(u *store.User) { u.IsActive = false })
	wantError(t, s.token(app, refreshForm(first.refresh)), 400, "invalid_grant")
}

// Two installations never derive the same successor, and it is no plain hash of
// what is known to whoever has the spent token.
func TestSuccessorNeedsTheMasterKey(t *testing.T) {
	successors := map[string]bool{}
	for range 2 {
		s := newServer(t)
		s.update(func(tx store.WriteTx) error {
			now := s.clock.now()
			err := tx.PutFamily(&store.Family{ID: "f", ClientID: "app", UserID: 1, Scopes: []string{"openid"}, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
			if err != nil {
				return err
			}
			return tx.PutToken(&store.Token{Kind: store.KindRefresh, Hash: store.HashOf("known"), Family: "f", Scopes: []string{"openid"}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
		})
		successors[tokensOf(t, s.token(as("app", appSecret), refreshForm("known"))).refresh] = true
	}
	if len(successors) != 2 {
		t.Errorf("two servers made %v of one token", successors)
	}
}
