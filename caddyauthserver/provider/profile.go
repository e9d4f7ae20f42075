package provider

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyito/caddyito/store"
)

// profileDepth is how many relations deep a profile goes: user, company, what
// the company refers to, and so on. Schemas can be cyclic.
const profileDepth = 4

// profile is the whole user with relations nested, for scope "read". A relation
// is an object with type, id, version and its fields; beyond profileDepth, type
// and id alone. Private fields, fields that the schema no longer declares, and
// the staff and superuser flags are left out. A client of format djangito gets
// what it also is pushed.
func (p *Provider) profile(w http.ResponseWriter, r *http.Request) {
	var answer any
	if p.withBearer(w, r, "read", func(tx store.ReadTx, b bearer) error {
		if b.client.Format == store.FormatDjangito {
			text, err := p.djangitoProfile(tx, b)
			answer = text
			return err
		}
		profile, err := p.profileOf(tx, b.user)
		if err != nil {
			return err
		}
		// So that a gate notices a server whose ids are not what they were.
		feed, err := tx.Feed()
		profile["caddyito_feed"] = feed.ID
		answer = profile
		return err
	}) {
		writeJSON(w, http.StatusOK, answer)
	}
}

func (p *Provider) profileOf(tx store.ObjectReader, u *store.User) (map[string]any, error) {
	out := map[string]any{"type": store.UserType, "id": u.ID, "version": u.Version, "sub": strconv.FormatInt(u.ID, 10)}
	for name, v := range u.Record().Fields {
		_, declared := u.Fields[name] // added below, if it may be shown
		if !declared && name != "is_staff" && name != "is_superuser" {
			out[name] = v
		}
	}
	return out, p.addFields(tx, out, store.UserType, u.Fields, profileDepth)
}

// addFields adds the fields of a record of type typ that may be shown.
func (p *Provider) addFields(tx store.ObjectReader, out map[string]any, typ string, fields store.Fields, depth int) error {
	for _, f := range p.Schema.Fields(typ) {
		v, ok := fields[f.Name]
		if !ok || f.Private {
			continue
		}
		ref, ok := v.(store.Ref)
		if !ok {
			out[f.Name] = v
			continue
		}
		nested := map[string]any{"type": ref.Type, "id": ref.ID}
		out[f.Name] = nested
		if depth == 1 {
			continue
		}
		o, err := tx.Object(ref)
		if errors.Is(err, store.ErrNotFound) {
			delete(out, f.Name) // removed by force; it refers to nothing
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", ref, err)
		}
		nested["version"] = o.Version
		if err := p.addFields(tx, nested, o.Type, o.Fields, depth-1); err != nil {
			return err
		}
	}
	return nil
}
