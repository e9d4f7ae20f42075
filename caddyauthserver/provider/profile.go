package provider

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// profileDepth is how many relations deep a profile goes: user, company, what
// the company refers to, and so on. Schemas can be cyclic.
const profileDepth = 4

// profile is the whole user with relations nested, for scope "read". A relation
// is an object with type, id, version and its fields; beyond profileDepth, type
// and id alone. What the client may not be told by sync is left out here too: the
// staff and superuser flags, private fields, those its list does not name. A
// client of format djangito gets what it also is pushed.
func (p *Provider) profile(w http.ResponseWriter, r *http.Request) {
	var answer any
	if p.withBearer(w, r, "read", func(tx store.ReadTx, b bearer) error {
		if b.client.Format == store.FormatDjangito {
			text, err := p.djangitoProfile(tx, b)
			answer = text
			return err
		}
		profile, err := p.profileOf(tx, b)
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

func (p *Provider) profileOf(tx store.ObjectReader, b bearer) (map[string]any, error) {
	view := p.view(b.client)
	out := map[string]any{"type": store.UserType, "id": b.user.ID, "version": b.user.Version, "sub": strconv.FormatInt(b.user.ID, 10)}
	return out, addFields(tx, view, out, view.User(b.user), profileDepth)
}

// addFields adds the fields of a record, with what they refer to.
func addFields(tx store.ObjectReader, view *usersync.View, out map[string]any, fields store.Fields, depth int) error {
	for name, v := range fields {
		ref, ok := v.(store.Ref)
		if !ok {
			out[name] = v
			continue
		}
		nested := map[string]any{"type": ref.Type, "id": ref.ID}
		out[name] = nested
		if depth == 1 {
			continue
		}
		o, err := tx.Object(ref)
		if errors.Is(err, store.ErrNotFound) {
			delete(out, name) // removed by force; it refers to nothing
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", ref, err)
		}
		nested["version"] = o.Version
		if err := addFields(tx, view, nested, view.Object(o), depth-1); err != nil {
			return err
		}
	}
	return nil
}
