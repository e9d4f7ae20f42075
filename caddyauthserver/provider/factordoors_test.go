package provider_test

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/store"
)

// lastLink keeps where the last mail about an address leads.
type lastLink struct{ path string }

func (l *lastLink) Send(m *mail.Message) {
	if found := addressLink.FindStringSubmatch(m.Text); found != nil {
		l.path = found[1]
	}
}

func (l *lastLink) option() option { return func(c *provider.Config) { c.Mailer = l } }

// careful is carol, who has every second factor there is.
type careful struct {
	*browser // where she is signed in by her passkey; anew for each secret
	key      *passkey
	app      string   // the secret of her app
	half     *browser // where she gave her password
	offered  string   // the secret that was offered to her
	mails    *lastLink
}

const carolID = 4

func (s *server) careful(mails *lastLink) *careful {
	s.t.Helper()
	s.carol()
	s.editUser(carolID, func(u *store.User) { u.Email, u.EmailVerified = "carol@example.com", true })
	return &careful{browser: s.browser(), key: s.givePasskey(carolID), app: s.addTOTP(carolID), mails: mails}
}

// comesBack signs her in.
func (c *careful) comesBack() *browser {
	c.t.Helper()
	page := c.get("/o/login")
	if a := c.byPasskey(page, c.key.get(page)); a.StatusCode != http.StatusSeeOther {
		c.t.Fatalf("carol's passkey: %d %s", a.StatusCode, a.body)
	}
	return c.browser
}

// givesPassword brings her half way in another browser, to the page it returns.
func (c *careful) givesPassword() *answer {
	c.t.Helper()
	c.half = c.server.browser()
	a := c.half.login(c.half.get("/o/login"), "carol", "carol's password")
	page := c.half.get(a.Header.Get("Location"))
	if page.StatusCode != http.StatusOK {
		c.t.Fatalf("no second factor is asked for: %d %s", page.StatusCode, page.body)
	}
	return page
}

// kinds are the secrets of second factors and of what is on the way to them.
func (c *careful) kinds() map[string]func() string {
	return map[string]func() string{
		"recovery code":  func() string { return c.addRecoveryCodes(carolID)[0] },
		"code of an app": func() string { return c.otp(c.app, 0) },
		"pending sign-in": func() string {
			c.givesPassword()
			return c.half.cookieLike("-pending").Value
		},
		"challenge of the sign-in page": func() string { return c.get("/o/login").asked(c.t) },
		"challenge of a second factor":  func() string { return c.comesBack().get("/o/second-factor").asked(c.t) },
		"challenge of a new passkey":    func() string { return c.comesBack().get("/o/account/security/passkey").asked(c.t) },
		"offer to an app": func() string {
			page := c.comesBack().get("/o/account/security/app")
			c.offered = page.key()
			return page.field("offer")
		},
		"link of an address": func() string {
			b := c.comesBack()
			page := b.get(profilePath)
			b.post(profilePath, page.form("first_name", "Carol", "last_name", "", "email", "new@example.com", "current_password", "carol's password"))
			return tokenIn(c.mails.path)
		},
	}
}

// doors are where they count, each for one of them.
func (c *careful) doors() []door {
	factors := func() int { f, _ := c.factorsOf(carolID); return len(f) }
	return []door{
		{"second factor, code", "recovery code, code of an app", func(x string) bool {
			page := c.givesPassword()
			a := c.half.post("/o/second-factor", page.factorForm("otp", x))
			return a.StatusCode == http.StatusSeeOther && c.half.signedIn()
		}},
		{"page of the second factor", "pending sign-in", func(x string) bool {
			b := c.server.browser()
			u, _ := url.Parse(c.url)
			b.jar.SetCookies(u, []*http.Cookie{{Name: c.sessionCookie().Name + "-pending", Value: x}})
			return b.get("/o/second-factor?login=1").StatusCode == http.StatusOK
		}},
		{"sign-in by passkey", "challenge of the sign-in page", func(x string) bool {
			return c.byPasskey(c.get("/o/login"), c.key.sign(x)).StatusCode == http.StatusSeeOther
		}},
		{"second factor, passkey", "challenge of a second factor", func(x string) bool {
			form := c.get("/o/second-factor").factorForm("passkey", c.key.sign(x))
			return c.post("/o/second-factor", form).StatusCode == http.StatusSeeOther
		}},
		{"adding a passkey", "challenge of a new passkey", func(x string) bool {
			before, fresh := factors(), c.server.passkey(carolID)
			c.post("/o/account/security/passkey", c.get("/o/account/security/passkey").form("passkey", fresh.makes(x)))
			return factors() == before+1
		}},
		{"adding an app", "offer to an app", func(x string) bool {
			before := factors()
			form := c.get("/o/account/security/app").form("offer", x, "otp", c.otp(c.offered, 0))
			c.post("/o/account/security/app", form)
			return factors() == before+1
		}},
		{"address", "link of an address", func(x string) bool {
			return c.get("/o/account/email?token="+url.QueryEscape(x)).StatusCode == http.StatusOK
		}},
	}
}

// cookieLike is the cookie whose name ends so.
func (b *browser) cookieLike(end string) *http.Cookie {
	b.t.Helper()
	u, _ := url.Parse(b.url)
	for _, c := range b.jar.Cookies(u) {
		if strings.HasSuffix(c.Name, end) {
			return c
		}
	}
	b.t.Fatalf("the browser has no cookie …%s", end)
	return nil
}
