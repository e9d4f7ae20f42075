package provider_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// atOnce is how many show a code or refresh token at the same time.
const atOnce = 64

// parallelRounds is how often they do: a thousand times under the race detector, which
// takes some minutes. The same without it takes a minute more and shows nothing else.
func parallelRounds() int {
	switch {
	case testing.Short():
		return 10
	case raceEnabled:
		return 1000
	}
	return 100
}

// crowd is a client with many processes, each with a connection that stays open.
type crowd struct {
	*server
	http *http.Client
}

func newCrowd(s *server) *crowd {
	transport := &http.Transport{MaxIdleConnsPerHost: atOnce}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &crowd{s, &http.Client{Transport: transport, Timeout: time.Minute}}
}

// show has n processes of client app post the same form at once, and returns the
// answers that gave tokens. All others must say that the grant is of no use.
func (c *crowd) show(n int, form string) []*answer {
	c.t.Helper()
	answers := make([]*answer, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-begin
			answers[i] = c.post(form)
		})
	}
	close(begin)
	wg.Wait()
	var good []*answer
	for _, a := range answers {
		switch {
		case a == nil: // said so already
		case a.StatusCode == http.StatusOK:
			good = append(good, a)
		default:
			wantError(c.t, a, http.StatusBadRequest, "invalid_grant")
		}
	}
	return good
}

func (c *crowd) post(form string) *answer {
	req, err := http.NewRequest("POST", c.url+"/o/token", strings.NewReader(form))
	if err != nil {
		c.t.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", as("app", appSecret))
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	return &answer{resp, string(body)}
}

func (c *crowd) restart(opts ...option) {
	c.t.Helper()
	c.close()
	c.open(opts...)
}

// family writes a family of client app with one code or refresh token, as
// authorize and token do, and returns its form.
func (c *crowd) family(kind store.TokenKind) string {
	c.t.Helper()
	secret, now := store.NewSecret(), c.clock.now()
	f := &store.Family{ID: store.NewSecret(), ClientID: "app", UserID: 1, Scopes: []string{"openid", "email"}, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	t := &store.Token{Kind: kind, Hash: store.HashOf(secret), Family: f.ID, Scopes: f.Scopes, CreatedAt: now, ExpiresAt: now.Add(time.Minute)}
	form := refreshForm(secret)
	if kind == store.KindCode {
		t.RedirectURI, t.CodeChallenge = appRedirect, challengeOf(verifier)
		form = codeForm(secret, appRedirect)
	}
	c.update(func(tx store.WriteTx) error {
		if err := tx.PutFamily(f); err != nil {
			return err
		}
		return tx.PutToken(t)
	})
	return form.Encode()
}

// signsQuickly has client app's ID tokens signed with ES256: what is signed does not
// matter here, and RSA takes most of the time.
func (c *crowd) signsQuickly() {
	c.t.Helper()
	c.update(func(tx store.WriteTx) error {
		app, err := tx.Client("app")
		if err != nil {
			return err
		}
		app.IDTokenAlg = "ES256"
		return tx.PutClient(app)
	})
}

// onceOnly has one-time tokens of a kind shown by many at once, each of them by some
// before a restart and some after it in a few rounds. One gets tokens, and they are
// worth nothing once another has shown the same.
func onceOnly(t *testing.T, kind store.TokenKind, opts ...option) {
	t.Parallel()
	c := newCrowd(newServer(t, opts...))
	c.signsQuickly()
	rounds := parallelRounds()
	for round := range rounds {
		form := c.family(kind)
		before := atOnce
		switch round % max(rounds/10, 4) {
		case 1:
			before = atOnce / 2
		case 2:
			before = 1
		}
		good := c.show(before, form)
		if before < atOnce {
			if before == 1 && (len(good) != 1 || c.status(tokensOf(t, good[0]).access) != http.StatusOK) {
				t.Fatalf("round %d: the first who showed it got nothing", round)
			}
			c.restart(opts...)
			if more := c.show(atOnce-before, form); len(more) > 0 {
				t.Fatalf("round %d: %d more were given tokens after a restart", round, len(more))
			}
		}
		if len(good) != 1 {
			t.Fatalf("round %d: %d of %d were given tokens", round, len(good), atOnce)
		}
		got := tokensOf(t, good[0])
		if status := c.status(got.access); status != http.StatusUnauthorized {
			t.Fatalf("round %d: the access token of a code or refresh token that was shown %d times: %d", round, atOnce, status)
		}
		if more := c.show(1, refreshForm(got.refresh).Encode()); len(more) > 0 {
			t.Fatalf("round %d: its refresh token is good", round)
		}
	}
}

// RFC 6749 section 4.1.2, RFC 9700 section 4.5: one success each.
func TestRFC6749Section412CodesInParallel(t *testing.T) { onceOnly(t, store.KindCode) }

// RFC 9700 section 4.14.2, without a grace: one success each.
func TestRFC9700Section4142RefreshInParallelWithoutGrace(t *testing.T) {
	onceOnly(t, store.KindRefresh, noGrace)
}

// With the grace all who ask at once are one client, and get one successor, also
// across a restart; and who shows an old one later, whatever restarted meanwhile,
// ends it all.
func TestRFC9700Section4142RefreshInParallel(t *testing.T) {
	t.Parallel()
	c := newCrowd(newServer(t))
	c.signsQuickly()
	rounds := parallelRounds()
	spent, form := "", c.family(store.KindRefresh)
	var last tokens
	for round := range rounds {
		before := atOnce
		if round%max(rounds/10, 4) == 1 {
			before = atOnce / 2
		}
		good := c.show(before, form)
		if before < atOnce {
			c.restart()
			good = append(good, c.show(atOnce-before, form)...)
		}
		if len(good) != atOnce {
			t.Fatalf("round %d: %d of %d were given tokens", round, len(good), atOnce)
		}
		access := map[string]bool{}
		last = tokensOf(t, good[0])
		for _, a := range good {
			got := tokensOf(t, a)
			if got.refresh != last.refresh {
				t.Fatalf("round %d: several successors", round)
			}
			access[got.access] = true
		}
		if len(access) != atOnce || c.status(last.access) != http.StatusOK {
			t.Fatalf("round %d: %d access tokens, and one of them is answered %d", round, len(access), c.status(last.access))
		}
		spent, form = form, refreshForm(last.refresh).Encode()
	}
	c.clock.add(provider.DefaultRefreshGrace)
	c.restart()
	if again := c.show(atOnce, spent); len(again) > 0 {
		t.Errorf("%d were given tokens for one that was spent long ago", len(again))
	}
	if c.status(last.access) != http.StatusUnauthorized || len(c.show(1, form)) > 0 {
		t.Error("the family outlives the theft")
	}
}
