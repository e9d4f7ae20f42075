package usersync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/internal/pace"
)

const (
	pullTimeout = pollTime + 15*time.Second
	// pushedWithin: who was pushed to so lately need not ask. The server lets hear
	// of itself every heartbeat.
	pushedWithin = heartbeat * 5 / 2
	pushedLook   = 10 * time.Second
	// unwantedPause is waited where the server does not want to be asked.
	unwantedPause = 10 * time.Minute
)

// Puller asks the server for what the mirror missed: at the start, and as long
// as the server does not reach the gate by itself.
type Puller struct {
	Receiver *Receiver
	// Endpoint of the server, from its metadata; "" if it has none.
	Endpoint  func() (string, error)
	Transport http.RoundTripper
	Log       *slog.Logger

	anew     time.Time // when the mirror last began anew since it differed
	differed time.Time // when it did although it had just been filled anew
}

// errUnwanted says that the server tells this client nothing.
var errUnwanted = errors.New("the server does not sync with this client (sync off, or it does not take it for a gate)")

// Run pulls until ctx ends.
func (p *Puller) Run(ctx context.Context) {
	client := &http.Client{
		Transport: p.Transport, Timeout: pullTimeout,
		// A redirect would carry the secret to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	failed := 0
	for ctx.Err() == nil {
		if p.Receiver.pushedSince(pushedWithin) {
			pace.Wait(ctx, pushedLook, nil)
			continue
		}
		endpoint, err := p.Endpoint()
		if err == nil && endpoint == "" {
			pace.Wait(ctx, unwantedPause, nil) // not a server of ours, or an older one
			continue
		}
		if err == nil {
			err = p.pull(ctx, client, endpoint)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if failed > 0 {
				p.Log.Info("the mirror follows the server again", "mirror", p.Receiver.Mirror.Name)
			}
			failed = 0
			continue
		case errors.Is(err, errUnwanted):
			p.Log.Info("the mirror is filled by sign-ins alone", "mirror", p.Receiver.Mirror.Name, "reason", err)
			pace.Wait(ctx, unwantedPause, nil)
			continue
		case errors.Is(err, errDiffers):
			p.Log.Warn("the mirror is filled anew once more", "mirror", p.Receiver.Mirror.Name, "error", err)
			continue
		}
		if failed++; failed == 1 {
			p.Log.Warn("cannot ask the server for changes; trying again, with growing pauses",
				"mirror", p.Receiver.Mirror.Name, "error", err)
		}
		pace.Wait(ctx, pace.Backoff(failed), nil)
	}
}

// pull asks once and applies what comes.
func (p *Puller) pull(ctx context.Context, client *http.Client, endpoint string) error {
	m := p.Receiver.Mirror
	at, err := m.Position(ctx)
	if err != nil {
		return fmt.Errorf("reading where the mirror stands: %w", err)
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("the sync endpoint of the server: %w", err)
	}
	u.RawQuery = url.Values{"feed": {at.Feed}, "view": {at.View}, "after": {strconv.FormatUint(at.Upto, 10)}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	// RFC 6749 section 2.3.1: encoded as in a form before they are joined.
	r.SetBasicAuth(url.QueryEscape(m.ClientID), url.QueryEscape(m.Secret))
	r.Header.Set("Accept", ContentType)
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBatch+1))
	if err != nil {
		return fmt.Errorf("reading a batch: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return errUnwanted
	case resp.StatusCode != http.StatusOK:
		return refusal(resp, body)
	}
	b, err := m.Verify(body)
	if err != nil {
		return fmt.Errorf("the server's batch is refused: %w", err)
	}
	now := m.Now()
	if now.Sub(p.differed).Abs() < fillAgain {
		b.Digest = nil
	}
	before := at
	at, ok, err := m.Apply(ctx, b)
	if err != nil {
		return fmt.Errorf("writing to the mirror: %w", err)
	}
	if !ok && b.Digest != nil && at.Upto == 0 {
		if now.Sub(p.anew).Abs() < fillAgain {
			p.differed = now
			return errDiffers
		}
		p.anew = now
		return nil
	}
	if !ok && at == before {
		return errors.New("the mirror and the server do not agree where it stands")
	}
	return nil
}
