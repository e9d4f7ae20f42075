package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

const (
	setupTicket   = "setup"
	setupLifetime = 30 * time.Minute
)

// SetupLink is a one-time link by which a person makes the first superuser, or
// "" where there is one. It holds for 30 minutes and ends every earlier link.
func (p *Provider) SetupLink(ctx context.Context) (string, error) {
	token := store.NewSecret()
	var needed bool
	err := p.Store.Update(ctx, func(tx store.WriteTx) error {
		has, err := tx.HasSuperuser()
		if needed = !has; err != nil || has {
			return err
		}
		if err := tx.DeleteTickets(setupTicket); err != nil {
			return err
		}
		now := p.now()
		return tx.PutTicket(&store.Ticket{Kind: setupTicket, Hash: store.HashOf(token), CreatedAt: now, ExpiresAt: now.Add(setupLifetime)})
	})
	if err != nil {
		return "", fmt.Errorf("making the setup link: %w", err)
	}
	if !needed {
		return "", nil
	}
	return p.urlWith("setup", url.Values{"token": {token}}), nil
}

// errSetupOver says that the link is spent, expired or needless.
var errSetupOver = errors.New("setup is over")

// setup makes the first superuser. The link is looked at to show the form, and
// spent in the transaction that writes the user.
func (p *Provider) setup(w http.ResponseWriter, r *http.Request) {
	values, ok := p.pageValues(w, r)
	if !ok {
		return
	}
	token := values.Get("token")
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error { return p.setupOpen(tx, token) })
	if p.refuseSetup(w, r, err) {
		return
	}
	form := setupForm{
		token:    token,
		username: password.NormalUsername(values.Get("username")),
		email:    strings.TrimSpace(values.Get("email")),
		company:  strings.TrimSpace(values.Get("company")),
	}
	show := func(status int, problems map[string]lang.Text) {
		p.pages.Setup(w, status, pages.Setup{
			Action: p.path("setup"), CSRF: p.csrfToken(w, r, setupTicket), Token: token,
			Username: form.username, Email: form.email, Company: form.company, AskCompany: p.asksCompany(),
			Problems: problems,
		})
	}
	if r.Method != http.MethodPost {
		form = setupForm{} // a link fills in nothing
		show(http.StatusOK, nil)
		return
	}
	if !p.csrfValid(r, values, setupTicket) {
		show(http.StatusForbidden, map[string]lang.Text{"": staleForm})
		return
	}
	pw := values.Get("password")
	if err := p.CheckNewPassword(pw, &store.User{Username: form.username, Email: form.email}); err != nil {
		show(http.StatusUnprocessableEntity, map[string]lang.Text{"password": lang.Of(err)})
		return
	}
	if form.hash, err = p.passwords.Hash(r.Context(), pw); err != nil {
		p.unavailable(w, r, "hashing password", err)
		return
	}
	kept, err := p.finishSetup(r, form)
	if problems := problemsOf(err); problems != nil {
		show(http.StatusUnprocessableEntity, problems)
		return
	}
	if p.refuseSetup(w, r, err) {
		return
	}
	p.Logger.Info("first superuser made")
	p.keepSessions(w, kept)
	seeOther(w, p.url(""))
}

type setupForm struct {
	token, username, email, company string
	hash                            string // of the password
}

// setupOpen returns errSetupOver unless the link holds and is needed.
func (p *Provider) setupOpen(tx interface {
	store.TicketReader
	store.UserReader
}, token string) error {
	t, err := tx.Ticket(setupTicket, store.HashOf(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.now().Before(t.ExpiresAt) {
		return errSetupOver
	}
	if err != nil {
		return fmt.Errorf("reading setup link: %w", err)
	}
	has, err := tx.HasSuperuser()
	if err != nil {
		return fmt.Errorf("looking for a superuser: %w", err)
	}
	if has {
		return errSetupOver
	}
	return nil
}

// finishSetup spends the link for a superuser, a company if one was named, and
// a session of theirs, in one transaction. It returns what the browser is to keep.
func (p *Provider) finishSetup(r *http.Request, form setupForm) (kept []*signedIn, err error) {
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		if err := p.setupOpen(tx, form.token); err != nil {
			return err
		}
		if _, err := tx.SpendTicket(setupTicket, store.HashOf(form.token)); errors.Is(err, store.ErrNotFound) {
			return errSetupOver
		} else if err != nil {
			return fmt.Errorf("spending setup link: %w", err)
		}
		now := p.now()
		u := &store.User{
			Username: form.username, Email: form.email,
			IsActive: true, IsStaff: true, IsSuperuser: true,
			DateJoined: now, LastLogin: now, Fields: store.Fields{},
		}
		if form.company != "" && p.asksCompany() {
			c := &store.Object{Type: "company", Fields: store.Fields{"name": form.company}}
			if err := store.SaveObject(tx, p.Schema, c); err != nil {
				return err
			}
			u.Fields["company"] = store.Ref{Type: c.Type, ID: c.ID}
		}
		if err := store.SaveUser(tx, p.Schema, u); err != nil {
			return err
		}
		if err := tx.PutCredential(&store.Credential{UserID: u.ID, PasswordHash: form.hash, PasswordChangedAt: now}); err != nil {
			return fmt.Errorf("writing credential: %w", err)
		}
		if err := store.Audit(tx, p.byUser(r, u), store.ActionSetup, store.UserParty(u)); err != nil {
			return err
		}
		s, id := p.newSession(r, u.ID, true)
		kept, err = p.startSession(tx, r, s, id, false)
		return err
	})
	return kept, err
}

// asksCompany says whether the schema has what a company's name fills.
func (p *Provider) asksCompany() bool {
	related := false
	for _, f := range p.Schema.Fields(store.UserType) {
		related = related || f.Name == "company" && f.Type == store.Relation && f.Target == "company"
	}
	if !related {
		return false
	}
	named := false
	for _, f := range p.Schema.Fields("company") {
		switch {
		case f.Name == "name" && f.Type == store.Text:
			named = true
		case f.Required && f.Default == "":
			return false
		}
	}
	return named
}

// problemsOf are the fields that a store refused, or nil if err is not that.
func problemsOf(err error) map[string]lang.Text {
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		if conflict.Type == "company" {
			return map[string]lang.Text{"company": lang.T("There is a company with that name already.")}
		}
		return map[string]lang.Text{conflict.Field: lang.T("Somebody else has that already.")}
	}
	invalid, ok := errors.AsType[*store.InvalidError](err)
	if !ok {
		return nil
	}
	problems := map[string]lang.Text{}
	for _, pr := range invalid.Problems {
		field := pr.Field
		switch {
		case invalid.Type == "company":
			field = "company"
		case field != "username" && field != "email" && field != "company":
			problems[""] = lang.T("The schema asks for more than this page can: use \"caddy auth user create --superuser\" (%s: %s).", field, problemText(pr))
			continue
		}
		problems[field] = problemText(pr)
	}
	return problems
}

// refuseSetup answers what is wrong with a link, and says whether it did.
func (p *Provider) refuseSetup(w http.ResponseWriter, r *http.Request, err error) bool {
	if errors.Is(err, errSetupOver) {
		p.message(w, r, http.StatusNotFound, webpage.Message{
			Title: lang.T("This link does not work any more"),
			Text: lang.T("A setup link works once, for 30 minutes, and only while there is no administrator. " +
				"For a new one restart the server, or run: caddy auth user create --superuser"),
		})
		return true
	}
	if err != nil {
		p.unavailable(w, r, "setting up", err)
		return true
	}
	return false
}

// problemText says what is wrong with a field.
func problemText(pr store.Problem) lang.Text { return lang.Of(pr.Err()) }
