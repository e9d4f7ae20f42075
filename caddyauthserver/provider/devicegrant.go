package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/caddyito/caddyito/store"
)

// The device grant (RFC 8628), for what has no browser or no keyboard:
//
//	device                         person, in a browser elsewhere
//	  | POST /o/device/code           |
//	  |   device_code, user_code      |
//	  |   shows the user code  ---->  | GET /o/device (devicepage.go)
//	  |                               |   signs in, types the code,
//	  | POST /o/token, again and      |   confirms: the family is written
//	  |   again: authorization_pending|
//	  |   ... tokens  <---------------|
//
// A device code is a ticket, and so is the user code that leads to it. The person's
// answer spends the user code; tokens are written in the transaction that spends
// the device code.
const (
	deviceTicket   = "device"
	userCodeTicket = "user_code"

	deviceCodeLifetime = 10 * time.Minute
	// deviceMemory is how long it is remembered, so that a device can be told that
	// it came too late.
	deviceMemory = 2 * deviceCodeLifetime
	pollInterval = 5 * time.Second
)

// deviceRequest is what a device asked for, and what became of it: nothing yet,
// a no, or a family of tokens.
type deviceRequest struct {
	ClientID  string   `json:"client_id"`
	Scopes    []string `json:"scopes"`
	Resources []string `json:"resources,omitempty"`
	Denied    bool     `json:"denied,omitempty"`
	Family    string   `json:"family,omitempty"`

	ticket *store.Ticket
}

func (d *deviceRequest) pending() bool { return !d.Denied && d.Family == "" }

// end is when the codes expire.
func (d *deviceRequest) end() time.Time { return d.ticket.CreatedAt.Add(deviceCodeLifetime) }

// put writes the request down.
func (d *deviceRequest) put(tx store.TicketWriter) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encoding a device's request: %w", err)
	}
	t := *d.ticket
	t.Data = string(data)
	if err := tx.PutTicket(&t); err != nil {
		return fmt.Errorf("writing a device's request: %w", err)
	}
	return nil
}

// deviceIn reads the request of the device code with that hash, or
// store.ErrNotFound.
func deviceIn(tx store.TicketReader, hash store.Hash) (*deviceRequest, error) {
	t, err := tx.Ticket(deviceTicket, hash)
	if err != nil {
		return nil, err
	}
	d := &deviceRequest{ticket: t}
	if err := json.Unmarshal([]byte(t.Data), d); err != nil {
		return nil, fmt.Errorf("decoding a device's request: %w", err)
	}
	return d, nil
}

// deviceCode is the device authorization endpoint (RFC 8628 section 3.1).
func (p *Provider) deviceCode(w http.ResponseWriter, r *http.Request) {
	c, form, ok := p.clientRequest(w, r)
	if !ok {
		return
	}
	answer, err := p.startDevice(r, c, form)
	if err != nil {
		p.oauthFailure(w, r, "answering a device", err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) startDevice(r *http.Request, c *client, form url.Values) (map[string]any, error) {
	if !c.MayUse(store.GrantDevice) {
		return nil, &oauthError{code: "unauthorized_client", description: "this client may not use the device grant"}
	}
	scopes, oe := grantable(c, form.Get("scope"))
	if oe != nil {
		return nil, oe
	}
	resources, oe := p.grantableResources(c, form["resource"])
	if oe != nil {
		return nil, oe
	}
	if c.Public {
		if wait := p.limits.take(p.unprovenRequest(r)...); wait > 0 {
			return nil, &tooManyError{wait}
		}
	}
	now, code, userCode := p.now(), store.NewSecret(), ""
	err := p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		var err error
		for err == nil { // until it is one that nobody has
			userCode = newUserCode()
			_, err = tx.Ticket(userCodeTicket, store.HashOf(userCode))
		}
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("looking for a user code: %w", err)
		}
		d := &deviceRequest{ClientID: c.ID, Scopes: scopes, Resources: resources, ticket: &store.Ticket{
			Kind: deviceTicket, Hash: store.HashOf(code), CreatedAt: now, ExpiresAt: now.Add(deviceMemory),
		}}
		if err := d.put(tx); err != nil {
			return err
		}
		return tx.PutTicket(&store.Ticket{
			Kind: userCodeTicket, Hash: store.HashOf(userCode), Data: base64.RawURLEncoding.EncodeToString(d.ticket.Hash[:]),
			CreatedAt: now, ExpiresAt: now.Add(deviceCodeLifetime),
		})
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"device_code": code, "user_code": userCode,
		"verification_uri": p.url("device"), "verification_uri_complete": p.deviceURL(userCode),
		"expires_in": int(deviceCodeLifetime / time.Second), "interval": int(pollInterval / time.Second),
	}, nil
}

// redeemDevice answers a device that asks whether the person said yes (RFC 8628
// section 3.5). Asking writes nothing; only a yes is spent.
func (p *Provider) redeemDevice(ctx context.Context, c *client, form url.Values) (*bought, error) {
	code := form.Get("device_code")
	if code == "" {
		return nil, &oauthError{code: "invalid_request", description: "device_code is missing"}
	}
	hash := store.HashOf(code)
	err := p.Store.View(ctx, func(tx store.ReadTx) error {
		d, err := p.deviceOf(tx, c, hash)
		if err != nil || !d.pending() {
			return err
		}
		if p.polls.tooSoon(hash, p.now()) {
			return &oauthError{code: "slow_down", description: "wait 5 seconds longer before each time"}
		}
		return &oauthError{code: "authorization_pending", description: "the person did not answer yet"}
	})
	if err != nil {
		return nil, unusableDevice(err)
	}
	var b *bought
	err = p.Store.Update(ctx, func(tx store.WriteTx) error {
		now := p.now()
		d, err := p.deviceOf(tx, c, hash)
		if err != nil {
			return err
		}
		if _, err := tx.SpendTicket(deviceTicket, hash); err != nil {
			return err
		}
		f, u, _, err := p.liveFamily(tx, d.Family, now)
		if err != nil {
			return err
		}
		resources, oe := p.narrowedResources(c, f.Resources, form["resource"])
		if oe != nil {
			return oe
		}
		tokens, err := p.grants(tx, c, now).first(ctx, f, resources)
		b = &bought{issued: tokens, scopes: slices.Clone(f.Scopes), resources: resources, family: f, client: c, user: u}
		return err
	})
	if err != nil {
		return nil, unusableDevice(err)
	}
	return b, nil
}

// deviceOf is the request of c's device code, unless it came to nothing.
func (p *Provider) deviceOf(tx store.TicketReader, c *client, hash store.Hash) (*deviceRequest, error) {
	d, err := deviceIn(tx, hash)
	switch {
	case err != nil:
		return nil, err
	case d.ClientID != c.ID:
		return nil, store.ErrNotFound
	case d.Denied:
		return nil, &oauthError{code: "access_denied", description: "the person said no"}
	case !p.now().Before(d.end()):
		return nil, &oauthError{code: "expired_token", description: "device_code has expired; begin again"}
	}
	return d, nil
}

func unusableDevice(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return invalidGrant("device_code is unknown, used, or of another client, or the person is signed out")
	}
	return err
}

// polls remembers when each device last asked, in memory: where that is lost, a
// device that asks too often is told so one time later.
type polls struct {
	mu   sync.Mutex // guards last
	last *simplelru.LRU[store.Hash, poll]
}

type poll struct {
	at       time.Time
	interval time.Duration
}

func newPolls() *polls {
	last, _ := simplelru.NewLRU[store.Hash, poll](limiterSize, nil) // fails only for size 0
	return &polls{last: last}
}

// tooSoon says whether a device asks before its interval is over, which then
// grows by 5 seconds for good (RFC 8628 section 3.5). A second is left to the
// network.
func (l *polls) tooSoon(device store.Hash, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.last.Get(device)
	if !known {
		last.interval = pollInterval
	}
	soon := known && now.Sub(last.at) < last.interval-time.Second
	if soon {
		last.interval += pollInterval
	}
	l.last.Add(device, poll{now, last.interval})
	return soon
}
