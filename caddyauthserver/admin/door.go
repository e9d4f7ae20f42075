package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// Door is what the provider does for administration: it knows who is at the
// browser, and whether a form was shown to it.
type Door interface {
	// Visitor is who is signed in in the browser, or nil.
	Visitor(r *http.Request) (*Visitor, error)
	// SignIn leads the browser to sign in, once more if somebody is, and then back to
	// one of the paths of administration, with its query.
	SignIn(w http.ResponseWriter, r *http.Request, who *Visitor, back string)
	// CSRFToken is for a form of that purpose; CSRFValid says whether a form that
	// came has one.
	CSRFToken(w http.ResponseWriter, r *http.Request, purpose string) string
	CSRFValid(r *http.Request, form url.Values, purpose string) bool
	// ClientIP is the address of the person, minding trusted proxies.
	ClientIP(r *http.Request) string

	// PasswordLink makes a link by which somebody chooses a password, for whoever
	// administers to hand over. MailPasswordLink sends it, if SendsMail says that
	// there is a way to, and the person has an address (else ErrNoMail); MailsToLog
	// says that the way leads only into the log. In the transaction that writes the
	// link, may has the last word.
	PasswordLink(ctx context.Context, by store.AuditOrigin, userID int64, may func(store.UserReader) error) (string, error)
	MailPasswordLink(ctx context.Context, by store.AuditOrigin, userID int64, may func(store.UserReader) error) error
	SendsMail() bool
	MailsToLog() bool
	// CheckNewPassword says what is wrong with a password for somebody. HashPassword
	// hashes one; the error is password.ErrBusy where too many wait for that.
	CheckNewPassword(pw string, u *store.User) error
	HashPassword(ctx context.Context, pw string) (string, error)
	// TellOfPasswordSet and TellOfFactorsReset let somebody know by mail, if there is a
	// way to, what was done to their account.
	TellOfPasswordSet(u *store.User)
	TellOfFactorsReset(u *store.User)
	// NeedsFactor says whether somebody must have a second factor.
	NeedsFactor(u *store.User) bool
	// BrowserName is what to call a browser.
	BrowserName(userAgent string) lang.Text
	// ClientName is what to call a client, its ID if it is gone.
	ClientName(tx store.ReadTx, clientID string) (string, error)
}

// ErrNoMail says that a link cannot be sent.
var ErrNoMail = errors.New("cannot be sent by mail")

// Visitor is who is signed in in a browser.
type Visitor struct {
	User *store.User
	// Session is theirs; AuthTime is when they last proved who they are.
	Session  store.Hash
	AuthTime time.Time
}
