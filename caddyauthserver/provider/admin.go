package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/caddyito/caddyito/caddyauthserver/admin"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// door lets people in to administration.
type door struct{ *Provider }

var _ admin.Door = door{}

func (p *Provider) newAdmin() (*admin.Admin, error) {
	return admin.New(admin.Config{
		Path: p.path("admin"), AccountURL: p.Prefix,
		Door: door{p}, Store: p.Store, Schema: p.Schema, Pages: p.messages, Logger: p.Logger, Now: p.now, Realms: p.Realms,
		Operations: admin.Operations{
			Issuer: p.Issuer, Endpoint: p.url, MasterKey: p.MasterKey, PlainHosts: p.PlainHosts, Registration: p.Registration,
			ConfiguredClients: p.configuredClients, SyncTargets: p.SyncTargets, Stopping: p.sync.Ending(),
		},
	})
}

// configuredClients are those that are not of the store.
func (p *Provider) configuredClients() (list []store.Client) {
	if p.StaticClients != nil {
		for _, c := range p.StaticClients() {
			list = append(list, c.Client)
		}
	}
	return list
}

// SyncTargets are the clients that are told of changes, and where.
func (p *Provider) SyncTargets(ctx context.Context) (targets []usersync.Target, err error) {
	clients, err := p.allClients(ctx)
	for _, c := range clients {
		if toldOfChanges(c) {
			targets = append(targets, usersync.Target{ClientID: c.ID, Name: c.Name, URL: c.SyncTarget()})
		}
	}
	return targets, err
}

func (d door) Visitor(r *http.Request) (*admin.Visitor, error) {
	in, err := d.currentSession(r)
	if err != nil || in == nil {
		return nil, err
	}
	return &admin.Visitor{User: in.user, Session: in.session.Hash, AuthTime: in.session.AuthTime}, nil
}

func (d door) SignIn(w http.ResponseWriter, _ *http.Request, who *admin.Visitor, back string) {
	query := url.Values{"continue": {continueAdmin(back)}}
	if who != nil {
		query.Set("username", who.User.Username)
	}
	seeOther(w, d.urlWith("login", query))
}

func (d door) CSRFToken(w http.ResponseWriter, r *http.Request, purpose string) string {
	return d.csrfToken(w, r, purpose)
}

func (d door) CSRFValid(r *http.Request, form url.Values, purpose string) bool {
	return d.csrfValid(r, form, purpose)
}

func (d door) PasswordLink(ctx context.Context, by store.AuditOrigin, userID int64, may func(store.UserReader) error) (string, error) {
	link, _, _, err := d.passwordLink(ctx, by, userID, false, may)
	return link, err
}

func (d door) MailPasswordLink(ctx context.Context, by store.AuditOrigin, userID int64, may func(store.UserReader) error) error {
	err := d.mailPasswordLink(ctx, by, userID, may)
	if errors.Is(err, ErrNoMail) {
		return fmt.Errorf("%w: %v", admin.ErrNoMail, err)
	}
	return err
}

func (d door) SendsMail() bool { return d.Mailer != nil }

func (d door) HashPassword(ctx context.Context, pw string) (string, error) {
	return d.passwords.Hash(ctx, pw)
}

func (d door) NeedsFactor(u *store.User) bool { return d.SecondFactor.covers(u) }

func (d door) BrowserName(userAgent string) lang.Text { return browserName(userAgent) }

func (d door) ClientName(tx store.ReadTx, clientID string) (string, error) {
	c, err := d.clientIn(tx, clientID)
	if errors.Is(err, errUnknownClient) {
		return clientID, nil
	}
	if err != nil {
		return "", err
	}
	return c.displayName(), nil
}

func (d door) ClientIP(r *http.Request) string { return d.Config.ClientIP(r) }

// continueAdmin is what login hands back for a page of administration.
func continueAdmin(page string) string { return url.Values{"admin": {page}}.Encode() }

// forAdmin says whether what login is to hand back is a page of administration, and
// is its address: on this server and below that path, or else the first page.
func (p *Provider) forAdmin(handedBack string) (address string, ok bool) {
	q, err := url.ParseQuery(handedBack)
	if err != nil || !q.Has("admin") || q.Has("client_id") {
		return "", false
	}
	home := p.path("admin")
	u, err := url.Parse(q.Get("admin"))
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		path.Clean(u.Path) != u.Path || strings.ContainsAny(u.Path, "\\\x00") ||
		u.Path != home && !strings.HasPrefix(u.Path, home+"/") {
		return p.Issuer + home, true
	}
	return p.Issuer + (&url.URL{Path: u.Path, RawQuery: u.Query().Encode()}).String(), true
}
