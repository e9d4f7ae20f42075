package provider

import (
	"net/http"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/store"
)

// What happens to an account is told to its owner by mail, if the server sends any:
// it may have been somebody else. Nothing waits for it.

// noticeLifetime is how long it is worth telling.
const noticeLifetime = 24 * time.Hour

// tellOfFactor tells of a change of the second factors.
func (p *Provider) tellOfFactor(r *http.Request, u *store.User, what lang.Text) {
	p.tell(r, u, pages.NoticeMail{
		Subject: lang.T("Your sign-in security was changed"), What: what,
		Advice: lang.T("If it was not you, change your password at once, remove what you do not know, and tell whoever runs this server:"),
		Link:   p.url("account/security"),
	})
}

// tellOfPassword tells that the person, or who passes for them, has a new password; the
// first, if they had none.
func (p *Provider) tellOfPassword(r *http.Request, u *store.User, first bool, what lang.Text) {
	subject := lang.T("Your password was changed")
	if first {
		subject = lang.T("Your account has a password now")
	}
	p.tell(r, u, pages.NoticeMail{
		Subject: subject, What: what,
		Advice: lang.T("If it was not you, choose a new password at once, and tell whoever runs this server:"),
		Link:   p.url("forgot"),
	})
}

// TellOfPasswordSet tells somebody that an administrator gave them a password.
func (p *Provider) TellOfPasswordSet(u *store.User) {
	p.tellOwner(u, pages.NoticeMail{
		Subject: lang.T("Your password was changed"), ByOthers: true,
		What:   lang.T("An administrator set a new password for your account, and you were signed out everywhere."),
		Advice: lang.T("If you did not ask for it, tell whoever runs this server. A password that you choose yourself is known to nobody else:"),
		Link:   p.url("forgot"),
	})
}

// TellOfFactorsReset tells somebody that an administrator took away their second
// factors.
func (p *Provider) TellOfFactorsReset(u *store.User) {
	p.tellOwner(u, pages.NoticeMail{
		Subject: lang.T("Your sign-in security was changed"), ByOthers: true,
		What:   lang.T("An administrator took away all second factors of your account, and you were signed out everywhere."),
		Advice: lang.T("If you did not ask for it, tell whoever runs this server. You add new ones here:"),
		Link:   p.url("account/security"),
	})
}

// tellOfSignIn tells of a sign-in from a browser that was not known for the person's.
func (p *Provider) tellOfSignIn(r *http.Request, u *store.User) {
	p.tell(r, u, pages.NoticeMail{
		Subject: lang.T("New sign-in"), What: lang.T("Somebody signed in to your account from a browser that we do not know."),
		Advice: lang.T("If it was not you, change your password at once; that signs out everybody else:"),
		Link:   p.url("password"),
	})
}

// tellOfGuessing tells that somebody who has the password guesses at the second
// factor; not for each guess.
func (p *Provider) tellOfGuessing(r *http.Request, u *store.User) {
	if p.limits.take(attempt{resetAccountLimit, "guessing " + strconv.FormatInt(u.ID, 10)}) > 0 {
		return
	}
	p.tell(r, u, pages.NoticeMail{
		Subject: lang.T("Somebody knows your password"),
		What:    lang.T("Somebody gave your password and then many wrong codes. They were not let in."),
		Advice:  lang.T("If it was not you, change your password at once:"),
		Link:    p.url("password"),
	})
}

// tell tells of what was done by the request.
func (p *Provider) tell(r *http.Request, u *store.User, m pages.NoticeMail) {
	m.Browser, m.IP = browserName(r.UserAgent()), p.ClientIP(r)
	p.tellOwner(u, m)
}

func (p *Provider) tellOwner(u *store.User, m pages.NoticeMail) {
	if p.Mailer == nil || u.Email == "" {
		return
	}
	m.Brand, m.Name, m.At = p.Brand.Name, u.Name(), p.now()
	text, err := p.mails.Write(lang.Choose(u.Language), m)
	if err != nil {
		p.Logger.Error("cannot write a mail", "error", err)
		return
	}
	p.Mailer.Send(&mail.Message{To: u.Email, Subject: text.Subject, Text: text.Text, HTML: text.HTML, Link: m.Link, DeliverBefore: time.Now().Add(noticeLifetime)})
	p.Logger.Info("told the owner of an account by mail", "user_id", u.ID)
}
