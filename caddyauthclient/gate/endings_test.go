package gate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

// wantRevoked waits for what the gate has to revoke, and says which it must be, in any
// order.
func (h *house) wantRevoked(want ...string) {
	h.t.Helper()
	h.gate.endings.work.Wait()
	h.issuer.mu.Lock()
	defer h.issuer.mu.Unlock()
	got := slices.Sorted(slices.Values(h.issuer.revoked))
	if slices.Sort(want); !slices.Equal(got, want) {
		h.t.Errorf("revoked %q, want %q", got, want)
	}
}

// However a session ends, its tokens end at the issuer, although the browser's cookie,
// by which alone the stored ones can be read, does not come along.
func TestTokensOfSessionsThatEndAreRevoked(t *testing.T) {
	for name, end := range map[string]func(*house, *browser){
		"back-channel logout": func(h *house, _ *browser) {
			wantStatus(h.t, tell(h.gate, h.issuer.logoutToken("logout+jwt", h.issuer.logoutClaims())), 200)
		},
		"back-channel logout of a person": func(h *house, _ *browser) {
			wantStatus(h.t, tell(h.gate, h.issuer.logoutToken("logout+jwt", h.issuer.logoutClaims("sid", nil))), 200)
		},
		"front-channel logout": func(h *house, b *browser) {
			wantStatus(h.t, b.get("/oidc/frontchannel-logout?iss="+testIssuer+"&sid=sid-1"), 200)
		},
		"not used for long": func(h *house, _ *browser) {
			h.clock.add(25 * time.Hour)
			for {
				n, err := h.store.Sweep(context.Background(), h.clock.now(), 100)
				if err != nil {
					h.t.Fatal(err)
				}
				if n == 0 {
					return
				}
			}
		},
		"the person is disabled": func(h *house, _ *browser) {
			h.update(func(tx store.WriteTx) error {
				_, err := tx.DeleteSessionsOf("wiki", "u-1", store.Hash{})
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, b := keeper(t, nil)
			access := b.accessToken(t)
			end(h, b)
			h.wantRevoked("refresh-0", access)
			wantStatus(t, b.get("/page"), 302)
		})
	}
}

// A session that changes goes on, and what another gate renewed is what ends.
func TestTokensOfSessionsThatGoOnAreKept(t *testing.T) {
	h, b := keeper(t, nil)
	h.clock.add(6 * time.Minute)
	seen(t, b.get("/page"))
	h.gate.touches.flush()
	second := h.newGate(keepTokens)
	again := b.clone()
	if again.g = second; again.accessToken(t) != "access-renewed-1" {
		t.Fatal("not renewed")
	}
	h.wantRevoked()
	second.Close()
	h.update(func(tx store.WriteTx) error { return tx.DeleteSession("wiki", h.sessionHash(b)) })
	h.wantRevoked("refresh-1", "access-renewed-1")
}

// After a restart a gate cannot read the tokens of a session before it was used once.
func TestTokensAfterARestart(t *testing.T) {
	h := newHouse(t, keepTokens)
	b, unseen := newBrowser(h.gate), newBrowser(h.gate)
	for _, b := range []*browser{b, unseen} {
		wantStatus(t, b.signIn(h.issuer, "/page"), 303)
	}
	h.gate.Close()
	h.gate = h.newGate(keepTokens)
	b.g = h.gate
	access := b.accessToken(t)
	wantStatus(t, tell(h.gate, h.issuer.logoutToken("logout+jwt", h.issuer.logoutClaims("sid", nil))), 200)
	h.wantRevoked(access)
}

// No request waits until the issuer has revoked something; a gate that closes does.
// However many sessions end, the issuer is asked for one after the other.
func TestNobodyWaitsForRevocation(t *testing.T) {
	h := newHouse(t, keepTokens)
	var access []string
	for range 20 {
		b := newBrowser(h.gate)
		wantStatus(t, b.signIn(h.issuer, "/page"), 303)
		access = append(access, b.accessToken(t))
	}
	var asking, most atomic.Int32
	release := make(chan struct{})
	h.issuer.answerWith = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/revoke" {
			most.Store(max(most.Load(), asking.Add(1)))
			defer asking.Add(-1)
			<-release
		}
		return false
	}
	wantStatus(t, tell(h.gate, h.issuer.logoutToken("logout+jwt", h.issuer.logoutClaims("sid", nil))), 200)
	closed := make(chan struct{})
	go func() { h.gate.Close(); close(closed) }()
	close(release)
	<-closed
	h.wantRevoked(access...)
	if n := most.Load(); n != 1 {
		t.Errorf("%d at the same time", n)
	}
}

// What the issuer does not take ends by itself; the session is over all the same.
func TestRevocationFails(t *testing.T) {
	h, b := keeper(t, nil)
	h.issuer.mu.Lock()
	h.issuer.down = errors.New("no route")
	h.issuer.mu.Unlock()
	h.deleteSession(h.sessionHash(b))
	h.wantRevoked()
	if !strings.Contains(h.log.String(), "cannot revoke") {
		t.Error("the log does not say so")
	}
	wantStatus(t, b.get("/page"), 302)
}
