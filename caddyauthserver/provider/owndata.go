package provider

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyito/caddyito/store"
)

// ownData is all that is kept of a person and is for them to see: what the schema
// keeps private from everybody but administrators is not.
type ownData struct {
	ExportedAt    time.Time      `json:"exported_at"`
	ID            int64          `json:"id"`
	Username      string         `json:"username"`
	Email         string         `json:"email,omitempty"`
	EmailVerified bool           `json:"email_verified"`
	FirstName     string         `json:"first_name,omitempty"`
	LastName      string         `json:"last_name,omitempty"`
	Language      string         `json:"language,omitempty"`
	Groups        []string       `json:"groups,omitempty"`
	DateJoined    time.Time      `json:"date_joined"`
	LastLogin     time.Time      `json:"last_login,omitzero"`
	Fields        map[string]any `json:"fields,omitempty"`
	Sessions      []ownSession   `json:"sessions"`
	Apps          []ownApp       `json:"apps"`
}

type ownSession struct {
	SignedIn  time.Time `json:"signed_in"`
	LastSeen  time.Time `json:"last_seen"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

type ownApp struct {
	ID     string    `json:"id"`
	Scopes []string  `json:"scopes"`
	Since  time.Time `json:"since"`
}

// downloadData gives people a copy of their data as a file.
func (p *Provider) downloadData(w http.ResponseWriter, r *http.Request) {
	in, ok := p.ownSession(w, r)
	if !ok {
		return
	}
	var data *ownData
	err := p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		data, err = p.dataOf(tx, in)
		return err
	})
	if err != nil {
		p.unavailable(w, r, "reading a person's data", err)
		return
	}
	p.Logger.Info("data downloaded by the person", "user_id", in.user.ID)
	w.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	w.Header().Del("Content-Language")
	writeJSON(w, http.StatusOK, data)
}

func (p *Provider) dataOf(tx store.ReadTx, in *signedIn) (*ownData, error) {
	u := in.user
	d := &ownData{
		ExportedAt: p.now(), ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		FirstName: u.FirstName, LastName: u.LastName, Language: u.Language, Groups: u.Groups,
		DateJoined: u.DateJoined, LastLogin: u.LastLogin, Sessions: []ownSession{}, Apps: []ownApp{},
	}
	var err error
	if d.Fields, err = p.openFields(tx, store.UserType, u.Fields, profileDepth); err != nil {
		return nil, err
	}
	sessions, err := tx.SessionsOf(store.ServerRealm, in.session.Subject)
	if err != nil {
		return nil, fmt.Errorf("reading sessions: %w", err)
	}
	for _, s := range sessions {
		d.Sessions = append(d.Sessions, ownSession{SignedIn: s.AuthTime, LastSeen: s.LastSeen, IP: s.IP, UserAgent: s.UserAgent})
	}
	apps, err := store.AccessOf(tx, u.ID, p.now())
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		d.Apps = append(d.Apps, ownApp{ID: a.ClientID, Scopes: a.Scopes, Since: a.Since})
	}
	return d, nil
}

// openFields are the fields of a record that are not private, with the objects that
// they refer to.
func (p *Provider) openFields(tx store.ObjectReader, typ string, values store.Fields, depth int) (map[string]any, error) {
	out, read := map[string]any{}, p.Schema.Read(typ, values)
	for _, f := range p.Schema.Fields(typ) {
		v, ok := read[f.Name]
		if f.Private || !ok {
			continue
		}
		ref, relation := v.(store.Ref)
		if !relation {
			out[f.Name] = v
			continue
		}
		if depth == 0 {
			out[f.Name] = map[string]any{"type": ref.Type, "id": ref.ID}
			continue
		}
		o, err := tx.Object(ref)
		if errors.Is(err, store.ErrNotFound) {
			continue // removed by force
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", ref, err)
		}
		nested, err := p.openFields(tx, ref.Type, o.Fields, depth-1)
		if err != nil {
			return nil, err
		}
		nested["type"], nested["id"] = ref.Type, ref.ID
		out[f.Name] = nested
	}
	return out, nil
}
