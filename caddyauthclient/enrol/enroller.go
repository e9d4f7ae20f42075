package enrol

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/caddyito/caddyito/internal/lease"
	"github.com/caddyito/caddyito/internal/pace"
	"github.com/caddyito/caddyito/store"
)

// Metadata is what gates say of themselves (RFC 7591 section 2).
type Metadata struct {
	Name                   string   `json:"client_name"`
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	BackchannelLogoutURI   string   `json:"backchannel_logout_uri"`
	// SyncURL is of no standard; another provider leaves it out.
	SyncURL string `json:"caddyito_sync_uri"`
}

// Registration is what the server gave for it.
type Registration struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	// Token and URI are to change the registration by (RFC 7592). A server need not
	// give them.
	Token string `json:"registration_access_token,omitempty"`
	URI   string `json:"registration_client_uri,omitempty"`
	// Registered is what the server was told last.
	Registered Metadata `json:"registered"`
}

// Enroller enrols the gates that have one issuer and token in common.
type Enroller struct {
	Store     store.Store
	MasterKey store.MasterKey
	Issuer    string
	// Token is the initial access token.
	Token     string
	Metadata  Metadata
	Transport http.RoundTripper
	Log       *slog.Logger
	Now       func() time.Time
}

const (
	ticketKind = "enrolment"
	// forever is how long a registration is kept.
	forever = 100 * 365 * 24 * time.Hour
	// look is how often who waits for another process to enrol looks.
	look = time.Second
	// lookAgain is how often it looks whether another process learnt a new secret.
	lookAgain = time.Minute
	// askEvery is how often the server is asked whether it still knows the client;
	// with the jitter, once an hour at least.
	askEvery = 45 * time.Minute
)

// hash is under which the registration is stored.
func (e *Enroller) hash() store.Hash {
	return store.HashOf(strings.TrimRight(e.Issuer, "/") + " " + e.Token)
}

func (e *Enroller) purpose() string { return "enrolment/" + e.name() }

func (e *Enroller) name() string {
	h := e.hash()
	return hex.EncodeToString(h[:8])
}

// Stored is the registration that is kept, nil if there is none.
func (e *Enroller) Stored(ctx context.Context) (*Registration, error) {
	var t *store.Ticket
	err := e.Store.View(ctx, func(tx store.ReadTx) (err error) {
		t, err = tx.Ticket(ticketKind, e.hash())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what the gate enrolled as: %w", err)
	}
	sealed, err := base64.StdEncoding.DecodeString(t.Data)
	if err != nil {
		return nil, fmt.Errorf("reading what the gate enrolled as: %w", err)
	}
	b, err := e.MasterKey.Open(e.purpose(), sealed)
	if err != nil {
		return nil, fmt.Errorf("reading what the gate enrolled as: %w", err)
	}
	r := new(Registration)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("reading what the gate enrolled as: %w", err)
	}
	return r, nil
}

func (e *Enroller) put(ctx context.Context, r *Registration) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	data := base64.StdEncoding.EncodeToString(e.MasterKey.Seal(e.purpose(), b))
	now := e.Now()
	return e.Store.Update(ctx, func(tx store.WriteTx) error {
		return tx.PutTicket(&store.Ticket{Kind: ticketKind, Hash: e.hash(), Data: data, CreatedAt: now, ExpiresAt: now.Add(forever)})
	})
}

// Run enrols, unless that was done, and then sees to it that the server knows what
// the gates are. It calls enrolled when that is done, by this process or another,
// and again with a secret that was rotated at the server. It ends with ctx.
func (e *Enroller) Run(ctx context.Context, enrolled func(*Registration)) {
	var running sync.WaitGroup
	defer running.Wait()
	stored := make(chan struct{}, 1)
	running.Go(func() { e.await(ctx, stored, enrolled) })
	k := lease.Keeper{Store: e.Store, Name: "enrol " + e.name(), Log: e.Log, Now: e.Now}
	k.Run(ctx, func(ctx context.Context) {
		r := e.enrol(ctx)
		pace.Wake(stored)
		e.keep(ctx, r, stored)
	})
}

// await calls enrolled when there is a registration in the store, and when it has
// another secret.
func (e *Enroller) await(ctx context.Context, stored <-chan struct{}, enrolled func(*Registration)) {
	secret, pause := "", look
	for ctx.Err() == nil {
		r, err := e.Stored(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.Log.Error("cannot read what the gate enrolled as; trying again", "error", err)
		case r != nil && r.ClientSecret != secret:
			enrolled(r)
			secret, pause = r.ClientSecret, lookAgain
		}
		pace.Wait(ctx, pause, stored)
	}
}

// enrol returns when there is a registration, or ctx ends.
func (e *Enroller) enrol(ctx context.Context) *Registration {
	for failed := 0; ctx.Err() == nil; {
		r, err := e.Stored(ctx)
		if err == nil && r == nil {
			if r, err = e.register(ctx); err == nil {
				e.keepTrying(ctx, "cannot store what the gate enrolled as", func() error { return e.put(context.WithoutCancel(ctx), r) })
				e.Log.Info("the gate is enrolled", "issuer", e.Issuer, "client_id", r.ClientID, "name", e.Metadata.Name)
			}
		}
		if err == nil {
			return r
		}
		if ctx.Err() == nil {
			failed++
			e.Log.Error("the gate cannot enrol, so that nobody can sign in; trying again, with growing pauses",
				"issuer", e.Issuer, "name", e.Metadata.Name, "error", err)
			pace.Wait(ctx, pace.Backoff(failed), nil)
		}
	}
	return nil
}

// keepTrying is for what must not be lost: the token bought it, and is spent. It
// tries at least once.
func (e *Enroller) keepTrying(ctx context.Context, what string, do func() error) {
	for failed := 1; ; failed++ {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		e.Log.Error(what+"; trying again", "issuer", e.Issuer, "error", err)
		pace.Wait(ctx, pace.Backoff(failed), nil)
	}
}

// keep tells the server what changed since it was told last, and asks now and then
// whether it still knows the client, and by which secret.
func (e *Enroller) keep(ctx context.Context, r *Registration, stored chan<- struct{}) {
	if r == nil || r.Token == "" || r.URI == "" {
		return
	}
	for failed := 0; ctx.Err() == nil; {
		ask := e.check
		if !reflect.DeepEqual(r.Registered, e.Metadata) {
			ask = e.update
		}
		renewed, err := ask(ctx, r)
		if err == nil && !reflect.DeepEqual(renewed, r) {
			if err = e.put(context.WithoutCancel(ctx), renewed); err == nil {
				r = renewed
				pace.Wake(stored)
			}
		}
		switch {
		case ctx.Err() != nil:
		case err == nil:
			failed = 0
			pace.Wait(ctx, pace.Jitter(askEvery), nil)
		default:
			level := slog.LevelWarn
			if errors.Is(err, errForgotten) {
				level = slog.LevelError
			}
			if failed++; failed == 1 || level == slog.LevelError {
				e.Log.Log(ctx, level, "cannot keep the gate's registration up to date; trying again, with growing pauses",
					"issuer", e.Issuer, "client_id", r.ClientID, "error", err)
			}
			pace.Wait(ctx, pace.Backoff(failed), nil)
		}
	}
}
