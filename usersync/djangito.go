package usersync

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// djangito tells a Django project with the package djangito of changes, which has
// neither batches nor a cursor: one POST for each user who changed, or who refers
// to what did.
//
//	rows after the cursor --> todo: users --> POST token=<JWT of the user> --> 200
//	                                            \--> refused: late, sent again
//
// So the cursor in the store is the truth. It moves on once everybody up to there
// was taken: what is sent may come twice, but none is left out. That package
// answers 500 to whatever it does not like, so one user it cannot store (because
// another one there still has the name, say) must not hold up the others.
type djangito struct {
	*feeder
	feed  string // "" before the cursor was read
	since uint64 // as store.SyncState has it
	at    uint64 // the rows up to here were looked at
	todo  []dueUser
	late  []dueUser
	again bool // todo are those who were late
	// lateAt is when those were last tried, and progress whether somebody was
	// taken since.
	lateAt   time.Time
	progress bool
	problem  error // with the last who was refused
}

// dueUser is one who is to be sent because of a row of the feed.
type dueUser struct {
	id   int64
	seq  uint64 // of the row
	gone bool   // deleted, as the row says
}

const (
	djangitoRows = 100 // at once, which is as many as are sent again after a restart
	// maxRefused in a row look as if nobody would be taken.
	maxRefused = 10
)

// step sends who is due.
func (d *djangito) step(ctx context.Context) error {
	if len(d.todo) == 0 {
		if err := d.look(ctx); err != nil {
			return err
		}
	}
	for refused := 0; len(d.todo) > 0; {
		due := d.todo[0]
		err := d.tell(ctx, due)
		if _, parked := errors.AsType[parkedError](err); parked {
			d.late, d.problem = append(d.late, due), err
			d.server.meters.of(d.client.ID).failed()
			refused++
		} else if err != nil {
			return err
		} else {
			refused, d.progress = 0, true
		}
		d.todo = d.todo[1:]
		switch {
		case refused < maxRefused || len(d.todo) == 0:
		case d.again: // the others have their turn in a minute
			d.todo, d.late = nil, append(d.todo, d.late...)
		default:
			return err
		}
	}
	return d.note(ctx)
}

// look finds who is next: those of the next rows, or else those who are late.
func (d *djangito) look(ctx context.Context) error {
	var rows []store.Change
	var anew *store.Feed
	err := d.server.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		d.todo, anew = nil, nil
		feed, err := tx.Feed()
		if err != nil {
			return err
		}
		s, err := tx.SyncState(d.client.ID)
		if err != nil {
			return err
		}
		if !d.goOn(feed, s) {
			anew = &feed
			return nil
		}
		if rows, err = tx.Changes(d.at, djangitoRows); err != nil {
			return err
		}
		for _, row := range rows {
			if err := d.add(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("reading changes: %w", err)
	case anew != nil:
		return d.begin(ctx, *anew)
	}
	d.again = len(rows) == 0
	switch {
	case !d.again:
		d.at = rows[len(rows)-1].Seq
	case d.progress || d.server.cfg.Now().Sub(d.lateAt) >= heartbeat*3/4:
		d.todo, d.late, d.lateAt, d.progress = d.late, nil, d.server.cfg.Now(), false
	}
	d.settled = d.again
	return nil
}

// goOn says whether the cursor is of this feed and of what the client is told.
func (d *djangito) goOn(feed store.Feed, s *store.SyncState) bool {
	if s.Resync || s.FeedID != feed.ID || s.View != d.told() || s.Seq > feed.Head {
		return false
	}
	if d.feed != feed.ID {
		d.feed, d.since, d.at = feed.ID, s.Since, s.Seq
		d.state.CurrentAt = s.CurrentAt
	}
	return true
}

// told is what of the feed the client is told, and how: another, and it is sent
// everything anew.
func (d *djangito) told() string {
	if d.client.AdminFlags {
		return "djangito, admin flags, " + d.view.ID()
	}
	return "djangito, " + d.view.ID()
}

// begin puts the cursor to the beginning.
func (d *djangito) begin(ctx context.Context, feed store.Feed) error {
	d.feed, d.todo, d.late, d.settled = "", nil, nil, false
	return d.remember(ctx, func(s *store.SyncState) {
		switch s.FeedID {
		case "":
			s.Since = feed.Head // of who was deleted before, it never heard
		case feed.ID:
		default:
			s.Since = 0
		}
		s.FeedID, s.View, s.Seq, s.Resync = feed.ID, d.told(), 0, false
	})
}

// add notes whom a row concerns.
func (d *djangito) add(tx store.ReadTx, row store.Change) error {
	if row.Type == store.UserType {
		if row.Deleted && row.Seq <= d.since {
			known, err := tx.Visited(d.client.ID, row.ID)
			if err != nil || !known {
				return err
			}
		}
		d.todo = append(d.todo, dueUser{row.ID, row.Seq, row.Deleted})
		return nil
	}
	by, err := tx.Referrers(store.Ref{Type: row.Type, ID: row.ID}, math.MaxInt)
	if err != nil {
		return err
	}
	for _, r := range by {
		if r.Type == store.UserType && d.view.fields[store.UserType][r.Field] {
			d.todo = append(d.todo, dueUser{r.ID, row.Seq, false})
		}
	}
	return nil
}

// tell sends a user as they are now, unless a later row has them or the client is
// not told of them.
func (d *djangito) tell(ctx context.Context, due dueUser) error {
	var body []byte
	err := d.server.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		body = nil
		told, err := d.view.tells(tx, store.Change{Type: store.UserType, ID: due.id, Seq: due.seq, Deleted: due.gone})
		if err != nil || !told {
			return err
		}
		if due.gone {
			body, err = djangitoGone(d.view, due.id)
			return err
		}
		u, err := tx.User(due.id)
		if errors.Is(err, store.ErrNotFound) || err == nil && u.Version > due.seq {
			return nil
		}
		if err != nil {
			return err
		}
		body, err = DjangitoUser(tx, d.view, u, d.client.AdminFlags)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading user %d for sync: %w", due.id, err)
	}
	if body == nil {
		return nil
	}
	if err := d.send(ctx, body); err != nil {
		return fmt.Errorf("user %d: %w", due.id, err)
	}
	d.server.meters.of(d.client.ID).told(1)
	return nil
}

// send posts a user, signed with each secret until one is taken: to a wrong one
// that package answers as to any other trouble.
func (d *djangito) send(ctx context.Context, body []byte) error {
	var err error
	for range d.client.Secrets {
		var status int
		status, err = d.post(ctx, signDjangito(body, d.client.Secrets[d.secret]))
		if status != http.StatusInternalServerError {
			return err
		}
		d.secret = (d.secret + 1) % len(d.client.Secrets)
	}
	return parkedError{fmt.Errorf("%w; its log says why: the client secret differs, say, or its model lacks a field", err)}
}

func (d *djangito) post(ctx context.Context, token string) (status int, err error) {
	form := strings.NewReader(url.Values{"token": {token}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.client.URL, form)
	if err != nil {
		return 0, parkedError{fmt.Errorf("the sync URL is wrong: %w", err)}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, text, err := d.server.call(r)
	if err != nil {
		return 0, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.StatusCode, nil
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return resp.StatusCode, refusal(resp, text)
	}
	return resp.StatusCode, parkedError{refusal(resp, text)}
}

// note notes how far everybody was taken, and who is late.
func (d *djangito) note(ctx context.Context) error {
	now := d.server.cfg.Now()
	if len(d.late) > 0 {
		d.settled = d.settled && !d.progress
		problem := printable(fmt.Sprintf("%d users are not taken: %v", len(d.late), d.problem), maxProblem)
		if problem == d.state.Error {
			return nil
		}
		d.server.cfg.Log.Warn("a client does not take some users; trying again, every minute",
			"client_id", d.client.ID, "url", d.client.URL, "error", problem)
		return d.remember(ctx, func(s *store.SyncState) {
			s.Error, s.Parked, s.FailedAt = problem, true, now
			s.LastError, s.LastErrorAt = problem, now
		})
	}
	if d.failed > 0 {
		d.server.cfg.Log.Info("a client takes changes again", "client_id", d.client.ID)
		d.failed = 0
	}
	moved := d.at != d.state.Seq || d.state.Error != ""
	switch since := now.Sub(d.written); {
	case d.state.Error != "":
	case moved && !d.settled && since < remember, !moved && (!d.settled || since < heartbeat/2):
		return nil
	}
	return d.remember(ctx, func(s *store.SyncState) {
		if moved {
			s.Seq, s.PushedAt = d.at, now
		}
		if d.settled {
			s.CurrentAt = now
		}
		s.Error, s.Parked, s.FailedAt = "", false, time.Time{}
	})
}

// djangitoHeader gives the token a type of its own, so that it passes for nothing
// else that is signed. The package looks at the algorithm alone, and takes every
// claim for a field of its model, so there is none of when and for whom.
var djangitoHeader = b64.EncodeToString([]byte(`{"alg":"HS256","typ":"caddyito-djangito+jwt"}`))

func signDjangito(body []byte, secret string) string {
	token := djangitoHeader + "." + b64.EncodeToString(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return token + "." + b64.EncodeToString(mac.Sum(nil))
}
