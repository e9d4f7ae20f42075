package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// An address counts once a link that was sent there is followed by the one who asked
// for it: signed in, so that nobody verifies an address for somebody else's account
// by a click, and by a button, since some mail servers follow every link. Whether the
// address is somebody else's already is said to who can read what comes there, and to
// nobody who merely types it.

const (
	addressTicket   = "email"
	addressLifetime = 30 * time.Minute
)

// addressData is the Data of such a ticket.
type addressData struct {
	Email string `json:"email"`
	// From is the address it is to replace, and ChangedAt when the password was last
	// changed: a link that was overtaken is over.
	From      string    `json:"from,omitempty"`
	ChangedAt time.Time `json:"changed_at,omitzero"`
}

// mailAddressLink sends a link to an address. Whoever has it there proves that it is
// theirs.
func (p *Provider) mailAddressLink(r *http.Request, was *signedIn, email string) error {
	if wait := p.limits.take(
		attempt{addressLimit, "user " + strconv.FormatInt(was.user.ID, 10)},
		attempt{addressLimit, "address " + store.CanonicalName(email)},
	); wait > 0 {
		return &tooManyError{wait}
	}
	token, now := store.NewSecret(), p.now()
	err := p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		in, err := p.sessionIn(tx, was.session.Hash)
		if err != nil {
			return fmt.Errorf("reading session: %w", err)
		}
		if in == nil {
			return errNotAnyMore
		}
		c, err := credentialOf(tx, in.user.ID)
		if err != nil {
			return err
		}
		data, err := json.Marshal(addressData{Email: email, From: in.user.Email, ChangedAt: c.PasswordChangedAt})
		if err != nil {
			return err
		}
		return tx.PutTicket(&store.Ticket{
			Kind: addressTicket, Hash: store.HashOf(token), UserID: in.user.ID, Data: string(data), CreatedAt: now, ExpiresAt: now.Add(addressLifetime),
		})
	})
	if err != nil {
		return err
	}
	link := p.urlWith("account/email", url.Values{"token": {token}})
	text, err := p.mails.Write(lang.Choose(was.user.Language), pages.AddressMail{
		Brand: p.Brand.Name, Username: was.user.Username, Link: link, Minutes: int(addressLifetime / time.Minute),
	})
	if err != nil {
		return fmt.Errorf("writing the mail: %w", err)
	}
	p.Mailer.Send(&mail.Message{To: email, Subject: text.Subject, Text: text.Text, HTML: text.HTML, Link: link, DeliverBefore: time.Now().Add(addressLifetime)})
	p.Logger.Info("sent a link to verify an address", "user_id", was.user.ID)
	return nil
}

// errAddressOver says that the link is spent, expired, overtaken, or not of who is
// signed in.
var errAddressOver = errors.New("the link is over")

// addressOpen is the user who is signed in and what their link is for;
// errAddressOver unless it holds.
func (p *Provider) addressOpen(tx store.ReadTx, in *signedIn, token string) (*store.User, *addressData, error) {
	t, err := tx.Ticket(addressTicket, store.HashOf(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && (!p.now().Before(t.ExpiresAt) || t.UserID != in.user.ID) {
		return nil, nil, errAddressOver
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading link: %w", err)
	}
	data := new(addressData)
	if err := json.Unmarshal([]byte(t.Data), data); err != nil {
		return nil, nil, fmt.Errorf("reading link: %w", err)
	}
	now, err := p.sessionIn(tx, in.session.Hash)
	if err != nil {
		return nil, nil, fmt.Errorf("reading session: %w", err)
	}
	if now == nil || now.user.ID != t.UserID || now.user.Email != data.From {
		return nil, nil, errAddressOver
	}
	c, err := credentialOf(tx, t.UserID)
	if err != nil {
		return nil, nil, err
	}
	if !c.PasswordChangedAt.Equal(data.ChangedAt) {
		return nil, nil, errAddressOver
	}
	return now.user, data, nil
}

// confirmAddress is where such a link leads.
func (p *Provider) confirmAddress(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	in, err := p.currentSession(r)
	if err != nil {
		p.unavailable(w, r, "reading session", err)
		return
	}
	if in == nil {
		p.message(w, r, http.StatusForbidden, webpage.Message{
			Title: lang.T("Sign in first"), Text: lang.T("Sign in to the account whose address this is to be, then open the link again."),
			LinkText: lang.T("Sign in"), LinkURL: p.url("login"),
		})
		return
	}
	token, purpose := values.Get("token"), addressTicket+"\x00"+string(in.session.Hash[:])
	var data *addressData
	if r.Method != http.MethodPost || !p.csrfValid(r, values, purpose) {
		err := p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
			_, data, err = p.addressOpen(tx, in, token)
			return err
		})
		if p.refuseAddress(w, r, err) {
			return
		}
		p.pages.ConfirmAddress(w, http.StatusOK, pages.ConfirmAddress{
			Action: p.path("account/email"), CSRF: p.csrfToken(w, r, purpose), Token: token,
			Email: data.Email, Username: in.user.Username, HomeURL: p.Prefix,
		})
		return
	}
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		u, d, err := p.addressOpen(tx, in, token)
		if err != nil {
			return err
		}
		if _, err := tx.SpendTicket(addressTicket, store.HashOf(token)); errors.Is(err, store.ErrNotFound) {
			return errAddressOver
		} else if err != nil {
			return fmt.Errorf("spending link: %w", err)
		}
		before := u.Clone()
		data, u.Email, u.EmailVerified = d, d.Email, true
		if err := store.CheckNames(tx, u); err != nil {
			return err
		}
		return p.keepOwn(tx, r, before, u)
	})
	if p.refuseAddress(w, r, err) {
		return
	}
	p.Logger.Info("address verified by a link", "user_id", in.user.ID, "changed", data.From != data.Email)
	if data.From != "" && data.From != data.Email {
		p.tellOldAddress(in.user, data)
	}
	p.message(w, r, http.StatusOK, webpage.Message{
		Title: lang.T("Your e-mail address is verified"), Text: lang.T("The address of your account is %s now.", data.Email),
		LinkText: lang.T("Go on"), LinkURL: p.url(""),
	})
}

// tellOldAddress lets the owner know, who may not be the one who changed it.
func (p *Provider) tellOldAddress(u *store.User, data *addressData) {
	if p.Mailer == nil {
		return // since the link was sent
	}
	text, err := p.mails.Write(lang.Choose(u.Language), pages.AddressChangedMail{Brand: p.Brand.Name, Name: u.Name(), Username: u.Username, Email: data.Email})
	if err != nil {
		p.Logger.Error("cannot write a mail", "error", err)
		return
	}
	p.Mailer.Send(&mail.Message{To: data.From, Subject: text.Subject, Text: text.Text, HTML: text.HTML, DeliverBefore: time.Now().Add(24 * time.Hour)})
}

// refuseAddress answers what is wrong with a link, and says whether it did.
func (p *Provider) refuseAddress(w http.ResponseWriter, r *http.Request, err error) bool {
	if err == nil {
		return false
	}
	m := webpage.Message{LinkText: lang.T("Back to your account"), LinkURL: p.url("account/profile")}
	_, taken := errors.AsType[*store.ConflictError](err)
	switch {
	case errors.Is(err, errAddressOver):
		m.Title, m.Text = lang.T("This link does not work any more"), lang.T("It works once, for 30 minutes, for the account that asked for it. Ask for a new one.")
		p.message(w, r, http.StatusNotFound, m)
	case taken:
		m.Title, m.Text = lang.T("This address is taken"), lang.T("Another account here has this e-mail address. Sign in to that one, or take another address.")
		p.message(w, r, http.StatusConflict, m)
	default:
		p.unavailable(w, r, "verifying an address", err)
	}
	return true
}
