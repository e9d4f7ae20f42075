package provider

import (
	"context"
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

// A person who has no password, or forgot it, chooses one by a link: sent by mail
// to whoever asks for it at the sign-in page, or made by an administrator. It works
// once, for half an hour, and only as long as the password is the one it was made
// to replace, and the address the one it was sent to.

const (
	resetTicket   = "reset"
	resetLifetime = 30 * time.Minute
	// resetQueue bounds how many wait to be looked up.
	resetQueue = 1000
)

// resetData is the Data of such a ticket.
type resetData struct {
	// ChangedAt is when the password was last changed.
	ChangedAt time.Time `json:"changed_at,omitzero"`
	// Email is where the link was sent. Who uses it can read what comes there, and is
	// nobody to the account once its address is another.
	Email string `json:"email,omitempty"`
}

// Mailer sends mail without waiting.
type Mailer interface{ Send(*mail.Message) }

// forgot takes the name of somebody who cannot sign in. What it answers, and how
// soon, is the same whoever exists: looking up, writing the link and sending it
// come later (mailResets).
func (p *Provider) forgot(w http.ResponseWriter, r *http.Request) {
	if p.Mailer == nil {
		p.message(w, r, http.StatusNotFound, webpage.Message{
			Title: lang.T("This server sends no mail"), Text: lang.T("Ask whoever runs it for a link by which you can choose a new password."),
			LinkText: lang.T("Back to sign-in"), LinkURL: p.url("login"),
		})
		return
	}
	page := pages.Forgot{Action: p.path("forgot"), LoginURL: p.path("login"), InLog: p.MailsToLog()}
	show := func(status int, problem lang.Text) {
		page.Error, page.CSRF = problem, p.csrfToken(w, r, "forgot")
		p.pages.Forgot(w, status, page)
	}
	if r.Method != http.MethodPost {
		show(http.StatusOK, lang.Text{})
		return
	}
	form, err := readForm(w, r)
	if err != nil {
		p.badForm(w, r, err)
		return
	}
	if !p.csrfValid(r, form, "forgot") {
		show(http.StatusForbidden, staleForm)
		return
	}
	if wait := p.limits.take(attempt{resetNetworkLimit, networkOf(p.ClientIP(r))}); wait > 0 {
		p.refuseLogin(w, r, &tooManyError{wait}, show)
		return
	}
	select {
	case p.resets <- form.Get("username"):
	default:
		p.Logger.Error("too many people ask for a new password at once, so that one was left out")
	}
	p.pages.ForgotSent(w, http.StatusOK, pages.ForgotSent{LoginURL: p.path("login"), InLog: p.MailsToLog()})
}

// forgotURL is where people go who forgot their password, or "".
func (p *Provider) forgotURL() string {
	if p.Mailer == nil {
		return ""
	}
	return p.path("forgot")
}

// StartMail begins to send links to people who ask for them.
func (p *Provider) StartMail() {
	ctx, cancel := context.WithCancel(context.Background())
	p.stopMail = cancel
	p.mailing.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case name := <-p.resets:
				if err := p.mailReset(ctx, name); err != nil && ctx.Err() == nil {
					p.Logger.Error("cannot send a link for a new password", "error", err)
				}
			}
		}
	})
}

// mailReset sends a link to the person of that name or address, if there is one
// whom it may reach.
func (p *Provider) mailReset(ctx context.Context, name string) error {
	u, _, err := p.findLogin(ctx, name)
	if err != nil {
		return err
	}
	if u == nil || !u.IsActive || u.Email == "" {
		p.Logger.Info("a new password was asked for, but nobody can be sent a link", "known_user", u != nil)
		return nil
	}
	if p.limits.take(attempt{resetAccountLimit, strconv.FormatInt(u.ID, 10)}) > 0 {
		p.Logger.Warn("a new password was asked for too often", "user_id", u.ID)
		return nil
	}
	return p.MailPasswordLink(ctx, p.byNobody(), u.ID)
}

// ErrNoMail says that a link cannot be sent: the server sends no mail, or the
// person has no address.
var ErrNoMail = errors.New("cannot be sent by mail")

// MailPasswordLink sends a person the link by which they choose a password.
func (p *Provider) MailPasswordLink(ctx context.Context, by store.AuditOrigin, userID int64) error {
	return p.mailPasswordLink(ctx, by, userID, anyway)
}

// anyway is for those who ask about no rights: people themselves, and the operator.
func anyway(store.UserReader) error { return nil }

func (p *Provider) mailPasswordLink(ctx context.Context, by store.AuditOrigin, userID int64, may func(store.UserReader) error) error {
	if p.Mailer == nil {
		return fmt.Errorf("%w: auth_server has no smtp block", ErrNoMail)
	}
	link, u, invited, err := p.passwordLink(ctx, by, userID, true, may)
	if err != nil {
		return err
	}
	text, err := p.mails.Write(lang.Choose(u.Language), pages.PasswordMail{
		Brand: p.Brand.Name, Name: u.Name(), Invited: invited, Link: link, Minutes: int(resetLifetime / time.Minute),
	})
	if err != nil {
		return fmt.Errorf("writing the mail: %w", err)
	}
	p.Mailer.Send(&mail.Message{To: u.Email, Subject: text.Subject, Text: text.Text, HTML: text.HTML, Link: link, DeliverBefore: time.Now().Add(resetLifetime)})
	p.Logger.Info("sent a link to choose a password", "user_id", u.ID)
	return nil
}

// PasswordLink makes such a link for an administrator to hand over.
func (p *Provider) PasswordLink(ctx context.Context, by store.AuditOrigin, userID int64) (string, error) {
	link, _, _, err := p.passwordLink(ctx, by, userID, false, anyway)
	return link, err
}

// passwordLink makes a link, unless may forbids it, and says whether the person never
// had a password. One that is mailed proves the address.
func (p *Provider) passwordLink(ctx context.Context, by store.AuditOrigin, userID int64, mailed bool, may func(store.UserReader) error) (link string, u *store.User, invited bool, err error) {
	token := store.NewSecret()
	err = p.Store.Update(ctx, func(tx store.WriteTx) error {
		var err error
		if u, err = activeUser(tx, userID); err != nil {
			return err
		}
		if err := may(tx); err != nil {
			return err
		}
		data := resetData{}
		if mailed {
			if data.Email = u.Email; u.Email == "" {
				return fmt.Errorf("%w: %s has no e-mail address", ErrNoMail, u.Username)
			}
		}
		c, err := credentialOf(tx, userID)
		if err != nil {
			return err
		}
		data.ChangedAt, invited = c.PasswordChangedAt, c.PasswordHash == ""
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		mailedTo := []store.AuditChange{}
		if mailed {
			mailedTo = append(mailedTo, store.AuditChange{Field: "mailed_to", New: data.Email})
		}
		if err := store.Audit(tx, by, store.ActionPasswordLink, store.UserParty(u), mailedTo...); err != nil {
			return err
		}
		now := p.now()
		return tx.PutTicket(&store.Ticket{
			Kind: resetTicket, Hash: store.HashOf(token), UserID: userID, Data: string(text), CreatedAt: now, ExpiresAt: now.Add(resetLifetime),
		})
	})
	if err != nil {
		return "", nil, false, err
	}
	return p.urlWith("reset", url.Values{"token": {token}}), u, invited, nil
}

// credentialOf is the user's credential, empty for who never had one.
func credentialOf(tx store.CredentialReader, userID int64) (*store.Credential, error) {
	c, err := tx.Credential(userID)
	if errors.Is(err, store.ErrNotFound) {
		return &store.Credential{UserID: userID}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading credential: %w", err)
	}
	return c, nil
}

// errResetOver says that the link is spent, expired or overtaken.
var errResetOver = errors.New("the link is over")

// resetOpen is whom the link is for, with what it was made with; errResetOver
// unless it holds.
func (p *Provider) resetOpen(tx store.ReadTx, token string) (*store.User, *store.Credential, *resetData, error) {
	t, err := tx.Ticket(resetTicket, store.HashOf(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.now().Before(t.ExpiresAt) {
		return nil, nil, nil, errResetOver
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading link: %w", err)
	}
	data := new(resetData)
	if err := json.Unmarshal([]byte(t.Data), data); err != nil {
		return nil, nil, nil, fmt.Errorf("reading link: %w", err)
	}
	u, err := activeUser(tx, t.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil, errResetOver
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading user: %w", err)
	}
	c, err := credentialOf(tx, u.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	if !c.PasswordChangedAt.Equal(data.ChangedAt) || data.Email != "" && data.Email != u.Email {
		return nil, nil, nil, errResetOver
	}
	return u, c, data, nil
}

// reset is where a link leads. It is looked at to show the form, and spent in the
// transaction that writes the password and ends every session.
func (p *Provider) reset(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	token := values.Get("token")
	var u *store.User
	err := p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		u, _, _, err = p.resetOpen(tx, token)
		return err
	})
	if p.refuseReset(w, r, err) {
		return
	}
	show := func(status int, problems map[string]lang.Text) {
		p.pages.Reset(w, status, pages.Reset{
			Action: p.path("reset"), CSRF: p.csrfToken(w, r, resetTicket), Token: token, Username: u.Username, Problems: problems,
		})
	}
	if r.Method != http.MethodPost {
		show(http.StatusOK, nil)
		return
	}
	if !p.csrfValid(r, values, resetTicket) {
		show(http.StatusForbidden, map[string]lang.Text{"": staleForm})
		return
	}
	pw, problems := p.newPassword(values, u)
	if problems != nil {
		show(http.StatusUnprocessableEntity, problems)
		return
	}
	hash, ok := p.hashPassword(w, r, pw, show)
	if !ok {
		return
	}
	first, err := p.finishReset(r, token, hash)
	if p.refuseReset(w, r, err) {
		return
	}
	p.Logger.Info("password chosen by a link", "user_id", u.ID)
	p.tellOfPassword(r, u, first, lang.T("A password for your account was chosen by a link."))
	p.pages.ResetDone(w, http.StatusOK, pages.ResetDone{First: first, LoginURL: p.path("login")})
}

// finishReset spends the link for the password, and says whether it is their first.
func (p *Provider) finishReset(r *http.Request, token, hash string) (first bool, err error) {
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		u, c, data, err := p.resetOpen(tx, token)
		if err != nil {
			return err
		}
		if _, err := tx.SpendTicket(resetTicket, store.HashOf(token)); errors.Is(err, store.ErrNotFound) {
			return errResetOver
		} else if err != nil {
			return fmt.Errorf("spending link: %w", err)
		}
		now := p.now()
		first = c.PasswordHash == ""
		c.PasswordHash, c.PasswordChangedAt = hash, now
		if err := tx.PutCredential(c); err != nil {
			return fmt.Errorf("writing credential: %w", err)
		}
		if data.Email != "" && !u.EmailVerified {
			u.EmailVerified = true
			if err := store.KeepUser(tx, p.Schema, u); err != nil {
				return fmt.Errorf("writing user: %w", err)
			}
		}
		if err := store.Audit(tx, p.byUser(r, u), store.ActionPasswordReset, store.UserParty(u)); err != nil {
			return err
		}
		return endOthers(tx, u.ID, &store.Session{Subject: strconv.FormatInt(u.ID, 10), AuthTime: now}, "")
	})
	return first, err
}

// refuseReset answers what is wrong with a link, and says whether it did.
func (p *Provider) refuseReset(w http.ResponseWriter, r *http.Request, err error) bool {
	if err == nil {
		return false
	}
	if !errors.Is(err, errResetOver) {
		p.unavailable(w, r, "choosing a password by a link", err)
		return true
	}
	m := webpage.Message{
		Title: lang.T("This link does not work any more"), Text: lang.T("It works once, for 30 minutes. Ask for a new one."),
		LinkText: lang.T("Back to sign-in"), LinkURL: p.url("login"),
	}
	if p.Mailer != nil {
		m.LinkText, m.LinkURL = lang.T("Send me a new one"), p.url("forgot")
	}
	if p.MailsToLog() {
		m.LinkText = lang.T("Make a new one")
	}
	p.message(w, r, http.StatusNotFound, m)
	return true
}
