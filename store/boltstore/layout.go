package boltstore

import (
	"encoding/binary"
	"fmt"

	"github.com/caddyito/caddyito/store"
)

// How the values are laid out that are not JSON. What the key says is not said
// again, but for a record's type and id. A layout that changes takes another
// first byte (see encoded), and the old one is still read; what is rare, or was
// added later, stands at the end and is left out where there is nothing to say.

func encodeSession(head []byte, s *store.Session) []byte {
	b := newValue(head)
	b = part(b, s.Subject)
	b = part(b, s.SID)
	b = part(b, s.IDToken)
	b = appendTime(b, s.CreatedAt)
	b = appendTime(b, s.AuthTime)
	b = appendTime(b, s.LastSeen)
	b = appendTime(b, s.IdleExpiresAt)
	b = appendTime(b, s.ExpiresAt)
	b = part(b, s.IP)
	b = part(b, s.UserAgent)
	more := flag(sessionRemember, s.Remember) | flag(sessionMethods, len(s.Methods) > 0 || !s.FactorTime.IsZero()) |
		flag(sessionTokens, len(s.Tokens) > 0)
	if more == 0 {
		return b
	}
	b = append(b, more)
	if more&sessionMethods != 0 {
		b = appendTime(appendList(b, s.Methods), s.FactorTime)
	}
	if more&sessionTokens != 0 {
		b = part(b, string(s.Tokens))
	}
	return b
}

// What follows the user agent of a session.
const (
	sessionRemember = 1 << iota
	sessionMethods
	sessionTokens
)

func decodeSession(realm string, hash store.Hash, v []byte) (*store.Session, error) {
	d := newDecoder(v)
	s := &store.Session{
		Realm: realm, Hash: hash,
		Subject: d.string(), SID: d.string(), IDToken: d.string(),
		CreatedAt: d.time(), AuthTime: d.time(), LastSeen: d.time(), IdleExpiresAt: d.time(), ExpiresAt: d.time(),
		IP: d.string(), UserAgent: d.string(),
	}
	if d.more() {
		more := d.byte()
		if s.Remember = more&sessionRemember != 0; more == 0 || more&^(sessionRemember|sessionMethods|sessionTokens) != 0 {
			d.fail()
		}
		if more&sessionMethods != 0 {
			s.Methods, s.FactorTime = d.list(), d.time()
		}
		if more&sessionTokens != 0 {
			if s.Tokens = []byte(d.string()); len(s.Tokens) == 0 {
				d.fail()
			}
		}
	}
	if err := d.done(bSession); err != nil {
		return nil, err
	}
	return s, nil
}

func encodeFamily(head []byte, f *store.Family) []byte {
	b := newValue(head)
	b = binary.AppendVarint(b, f.UserID)
	b = appendList(b, f.Scopes)
	b = part(b, f.SID)
	b = appendTime(b, f.AuthTime)
	b = appendTime(b, f.CreatedAt)
	b = appendTime(b, f.ExpiresAt)
	if f.Resources == nil && f.Claims == "" && f.ACR == "" && f.Methods == nil {
		return b
	}
	b = part(part(appendList(b, f.Resources), f.Claims), f.ACR)
	if len(f.Methods) == 0 {
		return b
	}
	return appendList(b, f.Methods)
}

func decodeFamily(id, clientID string, v []byte) (*store.Family, error) {
	d := newDecoder(v)
	f := &store.Family{
		ID: id, ClientID: clientID, UserID: d.int(), Scopes: d.list(), SID: d.string(),
		AuthTime: d.time(), CreatedAt: d.time(), ExpiresAt: d.time(),
	}
	if d.more() {
		f.Resources, f.Claims, f.ACR = d.list(), d.string(), d.string()
		if d.more() {
			if f.Methods = d.list(); f.Methods == nil {
				d.fail()
			}
		}
		if f.Resources == nil && f.Claims == "" && f.ACR == "" && f.Methods == nil {
			d.fail()
		}
	}
	if err := d.done(bGrant); err != nil {
		return nil, err
	}
	return f, nil
}

func encodeToken(head []byte, t *store.Token) []byte {
	b := newValue(head)
	b = appendList(b, t.Scopes)
	b = appendTime(b, t.CreatedAt)
	b = appendTime(b, t.ExpiresAt)
	b = part(b, t.RedirectURI)
	b = part(b, t.CodeChallenge)
	b = part(b, t.Nonce)
	if t.Resources == nil {
		return b
	}
	return appendList(b, t.Resources)
}

func decodeToken(kind store.TokenKind, hash store.Hash, family string, v []byte) (*store.Token, error) {
	d := newDecoder(v)
	t := &store.Token{
		Kind: kind, Hash: hash, Family: family, Scopes: d.list(), CreatedAt: d.time(), ExpiresAt: d.time(),
		RedirectURI: d.string(), CodeChallenge: d.string(), Nonce: d.string(),
	}
	if d.more() {
		if t.Resources = d.list(); t.Resources == nil {
			d.fail()
		}
	}
	if err := d.done(bGrant); err != nil {
		return nil, err
	}
	return t, nil
}

// The flags of a user.
const (
	flagVerified = 1 << iota
	flagActive
	flagStaff
	flagSuperuser
)

func flag(f byte, set bool) byte {
	if set {
		return f
	}
	return 0
}

func encodeUser(u *userValue) ([]byte, error) {
	b := append(newValue(nil), flag(flagVerified, u.EmailVerified)|flag(flagActive, u.IsActive)|flag(flagStaff, u.IsStaff)|flag(flagSuperuser, u.IsSuperuser))
	b = binary.AppendVarint(b, u.ID)
	b = binary.AppendUvarint(b, u.Version)
	b = part(b, u.Username)
	b = part(b, u.Email)
	b = part(b, u.FirstName)
	b = part(b, u.LastName)
	b = appendList(b, u.Groups)
	b = appendTime(b, u.DateJoined)
	b = appendTime(b, u.LastLogin)
	b, err := appendFields(b, u.Fields)
	if err != nil {
		return nil, fmt.Errorf("writing a user: %w", err)
	}
	b = appendList(b, u.Unique)
	if u.Language != "" {
		b = part(b, u.Language)
	}
	return b, nil
}

func decodeUser(v []byte) (*userValue, error) {
	d := newDecoder(v)
	flags := d.byte()
	u := &userValue{
		User: store.User{
			ID: d.int(), Version: d.uint(), Username: d.string(), Email: d.string(), EmailVerified: flags&flagVerified != 0,
			FirstName: d.string(), LastName: d.string(), Groups: d.list(),
			IsActive: flags&flagActive != 0, IsStaff: flags&flagStaff != 0, IsSuperuser: flags&flagSuperuser != 0,
			DateJoined: d.time(), LastLogin: d.time(), Fields: d.fields(),
		},
		Unique: d.list(),
	}
	if d.more() {
		if u.Language = d.string(); u.Language == "" {
			d.fail()
		}
	}
	if err := d.done(bUser); err != nil {
		return nil, err
	}
	return u, nil
}

func encodeObject(o *objectValue) ([]byte, error) {
	b := part(newValue(nil), o.Type)
	b = binary.AppendVarint(b, o.ID)
	b = binary.AppendUvarint(b, o.Version)
	b, err := appendFields(b, o.Fields)
	if err != nil {
		return nil, fmt.Errorf("writing an object: %w", err)
	}
	return appendList(b, o.Unique), nil
}

func decodeObject(v []byte) (*objectValue, error) {
	d := newDecoder(v)
	o := &objectValue{
		Object: store.Object{Type: d.string(), ID: d.int(), Version: d.uint(), Fields: d.fields()},
		Unique: d.list(),
	}
	if err := d.done(bObject); err != nil {
		return nil, err
	}
	return o, nil
}

func encodeRecord(r *store.Record) ([]byte, error) {
	b := append(newValue(nil), flag(1, r.Deleted))
	b = part(b, r.Type)
	b = part(b, r.ID)
	b = binary.AppendUvarint(b, r.Version)
	b, err := appendFields(b, r.Fields)
	if err != nil {
		return nil, fmt.Errorf("writing a record of a mirror: %w", err)
	}
	return b, nil
}

func decodeRecord(v []byte) (*store.Record, error) {
	d := newDecoder(v)
	deleted := d.byte() != 0
	r := &store.Record{Type: d.string(), ID: d.string(), Version: d.uint(), Deleted: deleted, Fields: d.fields()}
	if err := d.done(bMirrorRecord); err != nil {
		return nil, err
	}
	return r, nil
}

func encodeAudit(a *store.AuditRecord) []byte {
	b := part(newValue(nil), string(a.Action))
	b = appendParty(appendParty(b, a.Actor), a.Target)
	b = part(part(b, a.IP), a.UserAgent)
	b = binary.AppendUvarint(b, uint64(max(a.Count, 0)))
	b = binary.AppendUvarint(b, uint64(len(a.Changes)))
	for _, c := range a.Changes {
		b = part(part(part(b, c.Field), c.Old), c.New)
	}
	return b
}

func appendParty(b []byte, p store.AuditParty) []byte {
	return part(part(part(b, p.Type), p.ID), p.Name)
}

func decodeAudit(key, v []byte) (*store.AuditRecord, error) {
	at := auditCursor(key)
	d := newDecoder(v)
	party := func() store.AuditParty { return store.AuditParty{Type: d.string(), ID: d.string(), Name: d.string()} }
	a := &store.AuditRecord{
		ID: at.ID, Time: at.Time, Action: store.AuditAction(d.string()), Actor: party(), Target: party(),
		IP: d.string(), UserAgent: d.string(), Count: int(uint32(d.uint())),
	}
	for range d.count() {
		a.Changes = append(a.Changes, store.AuditChange{Field: d.string(), Old: d.string(), New: d.string()})
	}
	if err := d.done(bAudit); err != nil {
		return nil, err
	}
	return a, nil
}
