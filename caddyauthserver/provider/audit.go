package provider

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// The audit log has what people and clients did here, each in the transaction that
// does it. Sign-ins that failed are collected first (auditfailures.go).

// byUser is a person who does what they ask for.
func (p *Provider) byUser(r *http.Request, u *store.User) store.AuditOrigin {
	by := p.byStranger(r)
	by.Actor = store.UserParty(u)
	return by
}

// byClient is the software that asks.
func (p *Provider) byClient(r *http.Request, c *client) store.AuditOrigin {
	by := p.byStranger(r)
	by.Actor = c.party()
	return by
}

// byStranger is whoever asks.
func (p *Provider) byStranger(r *http.Request) store.AuditOrigin {
	return store.AuditOrigin{IP: p.ClientIP(r), UserAgent: printable(r.UserAgent(), 256), Time: p.now()}
}

// byNobody is somebody of whom nothing is known any more.
func (p *Provider) byNobody() store.AuditOrigin { return store.AuditOrigin{Time: p.now()} }

// audit writes down what changes nothing else.
func (p *Provider) audit(r *http.Request, by store.AuditOrigin, action store.AuditAction, target store.AuditParty, changes ...store.AuditChange) error {
	return p.Store.Update(context.WithoutCancel(r.Context()), func(tx store.WriteTx) error {
		return store.Audit(tx, by, action, target, changes...)
	})
}

// auditClient writes down what a client did to its own registration.
func (p *Provider) auditClient(tx store.AuditWriter, r *http.Request, action store.AuditAction, before *store.ClientSettings, c *store.Client) error {
	var after *store.ClientSettings
	if action != store.ActionClientDelete {
		after = &c.ClientSettings
	}
	by := p.byStranger(r)
	by.Actor = store.PartyOfClient(c)
	return store.Audit(tx, by, action, by.Actor, store.AuditChanges(before, after)...)
}

func (c *client) party() store.AuditParty {
	return store.AuditParty{Type: store.ClientParty, ID: c.ID, Name: c.displayName()}
}

// partyOfFamily is whose tokens they are: the user's, or the client's own.
func partyOfFamily(f *store.Family) store.AuditParty {
	if f.UserID == 0 {
		return store.AuditParty{Type: store.ClientParty, ID: f.ClientID}
	}
	return store.AuditParty{Type: store.UserType, ID: strconv.FormatInt(f.UserID, 10)}
}

// grantedScopes is the detail of an agreement.
func grantedScopes(scopes []string) []store.AuditChange {
	return []store.AuditChange{{Field: "scopes", New: strings.Join(scopes, " ")}}
}
