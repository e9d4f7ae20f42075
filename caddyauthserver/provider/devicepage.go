package provider

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// device is where people type the code that a device shows, and say whether it
// may have what it asks for. Codes are looked up only for who is signed in. The
// question is always asked, also of first-party clients and for a link that has
// the code in it: it is all that protects who was sent the link by somebody else
// (RFC 8628 sections 3.3.1 and 5.4).
func (p *Provider) device(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	typed := values.Get("user_code")
	code, wellFormed := parseUserCode(typed)
	in, err := p.currentSession(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return
	}
	if in == nil {
		seeOther(w, p.loginForDevice(code))
		return
	}
	if p.askForFactor(w, r, in, continueDevice(code), nil) {
		return
	}
	ask := func(status int, problem lang.Text) {
		p.pages.Device(w, status, pages.Device{Action: p.path("device"), UserCode: typed[:min(len(typed), 100)], UserName: in.user.Name(), Problem: problem})
	}
	if typed == "" {
		ask(http.StatusOK, lang.Text{})
		return
	}
	if !wellFormed {
		ask(http.StatusUnprocessableEntity, lang.T("A code has eight letters, such as WDJB-MJHT."))
		return
	}
	d, c, err := p.lookUpDevice(r, in, code)
	if p.refuseUserCode(w, r, err, ask) {
		return
	}
	if !c.Admits(in.user) {
		p.Logger.Info("turned away at a device: in none of the client's groups", "user_id", in.user.ID, "client_id", c.ID)
		p.turnAway(w, r, in, c, continueDevice(code))
		return
	}
	decision := values.Get("decision")
	purpose := "device\x00" + string(in.session.Hash[:]) + code
	if r.Method != http.MethodPost || decision != "allow" && decision != "deny" || !p.csrfValid(r, values, purpose) {
		p.pages.DeviceConfirm(w, http.StatusOK, pages.DeviceConfirm{
			Action: p.path("device"), CSRF: p.csrfToken(w, r, purpose), UserCode: code,
			ClientName: c.displayName(), UserName: in.user.Name(), Scopes: pageScopes(d.Scopes),
			SwitchURL: p.urlWith("accounts", url.Values{"continue": {continueDevice(code)}}),
		})
		return
	}
	allowed := decision == "allow"
	err = p.answerDevice(r, in, code, allowed)
	if errors.Is(err, errNotAnyMore) {
		seeOther(w, p.deviceURL(code)) // which looks again
		return
	}
	if p.refuseUserCode(w, r, err, ask) {
		return
	}
	p.Logger.Info("a device was answered", "allowed", allowed, "user_id", in.user.ID, "client_id", c.ID, "scopes", d.Scopes)
	p.pages.DeviceAnswered(w, http.StatusOK, pages.DeviceAnswered{ClientName: c.displayName(), Allowed: allowed})
}

// lookUpDevice finds the device that waits under the code, or store.ErrNotFound. A
// wrong code counts against whoever is signed in.
func (p *Provider) lookUpDevice(r *http.Request, in *signedIn, code string) (d *deviceRequest, c *client, err error) {
	attempts := p.userCodeAttempts(r, in)
	if wait := p.limits.take(attempts...); wait > 0 {
		return nil, nil, &tooManyError{wait}
	}
	err = p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		d, c, err = p.deviceByUserCode(tx, code)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		p.Logger.Info("no device waits with the code that was typed", "user_id", in.user.ID, "client_ip", p.ClientIP(r))
	} else {
		p.limits.refund(attempts...)
	}
	return d, c, err
}

// refuseUserCode says what is wrong with a code, and whether anything is.
func (p *Provider) refuseUserCode(w http.ResponseWriter, r *http.Request, err error, ask func(status int, problem lang.Text)) bool {
	if _, ok := errors.AsType[*tooManyError](err); ok {
		p.refuseLogin(w, r, err, ask)
		return true
	}
	if errors.Is(err, store.ErrNotFound) {
		ask(http.StatusUnprocessableEntity, lang.T("No device is waiting with this code. Look at the device again: the code may have changed."))
		return true
	}
	if err != nil {
		p.unavailable(w, r, "answering a device", err)
	}
	return err != nil
}

// deviceURL is the page, with the code filled in unless it is "".
func (p *Provider) deviceURL(userCode string) string {
	if userCode == "" {
		return p.url("device")
	}
	return p.urlWith("device", url.Values{"user_code": {userCode}})
}

// loginForDevice is the login page, from where the way leads back to the page of
// devices and nowhere else.
func (p *Provider) loginForDevice(userCode string) string {
	return p.urlWith("login", url.Values{"continue": {continueDevice(userCode)}})
}

// continueDevice is what login hands back.
func continueDevice(userCode string) string { return url.Values{"user_code": {userCode}}.Encode() }

// forDevice says whether what login is to hand back is a user code, or "" for the
// page without one, rather than an authorization request.
func forDevice(handedBack string) (userCode string, ok bool) {
	q, err := url.ParseQuery(handedBack)
	if err != nil || !q.Has("user_code") || q.Has("client_id") {
		return "", false
	}
	userCode, _ = parseUserCode(q.Get("user_code"))
	return userCode, true
}

// userCodeAttempts names the buckets in which a wrong user code counts. With the
// last of them, and as many devices waiting as unprovenRequest lets wait, all the
// world needs a day to hit one of theirs.
func (p *Provider) userCodeAttempts(r *http.Request, in *signedIn) []attempt {
	ip := p.ClientIP(r)
	return []attempt{
		{accountLimit, "code of user " + in.session.Subject},
		{networkLimit, "code " + networkOf(ip)},
		{siteLimit, "code " + siteOf(ip)},
		{overallLimit, "code"},
	}
}

// deviceByUserCode is the device that waits under that code, and its client;
// otherwise store.ErrNotFound.
func (p *Provider) deviceByUserCode(tx store.ReadTx, code string) (*deviceRequest, *client, error) {
	t, err := tx.Ticket(userCodeTicket, store.HashOf(code))
	if err != nil {
		return nil, nil, err
	}
	hash, err := base64.RawURLEncoding.DecodeString(t.Data)
	if err != nil || len(hash) != len(store.Hash{}) {
		return nil, nil, fmt.Errorf("a user code leads to device %q", t.Data)
	}
	d, err := deviceIn(tx, store.Hash(hash))
	if err != nil {
		return nil, nil, err
	}
	if !d.pending() || !p.now().Before(d.end()) {
		return nil, nil, store.ErrNotFound
	}
	c, err := p.clientIn(tx, d.ClientID)
	if errors.Is(err, errUnknownClient) || err == nil && !c.MayUse(store.GrantDevice) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	return d, c, nil
}

// answerDevice spends the user code for the person's answer, in one transaction
// with a last look at who says so. A yes writes the family from which the device
// gets its tokens, so that signing out ends it already before.
func (p *Provider) answerDevice(r *http.Request, was *signedIn, code string, allowed bool) error {
	return p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		in, err := p.sessionIn(tx, was.session.Hash)
		if err != nil {
			return fmt.Errorf("reading session: %w", err)
		}
		d, c, err := p.deviceByUserCode(tx, code)
		if err != nil {
			return err
		}
		if in == nil || !c.Admits(in.user) {
			return errNotAnyMore
		}
		if _, err := tx.SpendTicket(userCodeTicket, store.HashOf(code)); err != nil {
			return err
		}
		action := store.ActionDeviceAllow
		if !allowed {
			action = store.ActionDeviceDeny
		}
		if err := store.Audit(tx, p.byUser(r, in.user), action, c.party(), grantedScopes(d.Scopes)...); err != nil {
			return err
		}
		if !allowed {
			d.Denied = true
			return d.put(tx)
		}
		now := p.now()
		family := p.familyOf(in, c, d.Scopes, d.Resources, d.end().Add(time.Minute))
		if err := tx.PutFamily(family); err != nil {
			return fmt.Errorf("writing family: %w", err)
		}
		d.Family = family.ID
		if err := d.put(tx); err != nil {
			return err
		}
		if err := agree(tx, in.user.ID, c.ID, d.Scopes, now); err != nil {
			return err
		}
		return p.noteVisit(tx, c, in)
	})
}
