package gate

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/caddyito/caddyito/store"
)

// serveMe is /oidc/me: who am I, from the mirror, with relations nested, and how
// far the mirror is where a server keeps it up to date.
func (g *Gate) serveMe(w http.ResponseWriter, r *http.Request, o *origin) {
	if !allowMethods(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	_, id, err := g.identify(r, o)
	if err != nil {
		g.log.Error("cannot read the session; the request is refused", "error", err)
		g.storeUnavailable(w, r)
		return
	}
	if id == nil {
		g.unauthorized(w)
		return
	}
	var me map[string]any
	err = g.cfg.Store.View(r.Context(), func(tx store.ReadTx) error {
		rec, err := tx.MirrorRecord(g.cfg.Name, store.UserType, id.ID())
		if err != nil {
			return err
		}
		if me, err = g.nested(tx, rec, nil); err != nil {
			return err
		}
		state, err := tx.MirrorState(g.cfg.Name)
		if _, taken := me["mirror"]; err == nil && !taken && !state.At.IsZero() {
			age := max(0, g.cfg.Now().Sub(state.At))
			me["mirror"] = map[string]any{"seq": state.Seq, "at": state.At, "age": int64(age / time.Second)}
		}
		return err
	})
	if err != nil {
		g.log.Error("cannot read the mirror; the request is refused", "error", err)
		g.storeUnavailable(w, r)
		return
	}
	if name, ok := id.Value("name"); ok {
		me["name"] = name
	}
	body, err := json.Marshal(me)
	if err != nil {
		g.log.Error("cannot encode the profile", "error", err)
		g.storeUnavailable(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(append(body, '\n'))
}

// nested is a record as JSON shows it, with what it refers to in place; path
// are the objects it lies in.
func (g *Gate) nested(tx store.MirrorReader, rec *store.Record, path []store.Ref) (map[string]any, error) {
	out := map[string]any{"id": rec.ID}
	if n, err := strconv.ParseInt(rec.ID, 10, 64); err == nil && rec.Version > 0 {
		out["id"] = n // an issuer of ours; another's sub is text whatever it looks like
		out["version"] = rec.Version
	}
	if rec.Type != store.UserType {
		out["type"] = rec.Type
	}
	for name, v := range rec.Fields {
		ref, ok := v.(store.Ref)
		if !ok || len(path) == maxRelations || slices.Contains(path, ref) {
			out[name] = v
			continue
		}
		object, err := tx.MirrorRecord(g.cfg.Name, ref.Type, strconv.FormatInt(ref.ID, 10))
		if errors.Is(err, store.ErrNotFound) || err == nil && object.Deleted {
			out[name] = ref
			continue
		}
		if err != nil {
			return nil, err
		}
		if out[name], err = g.nested(tx, object, append(path[:len(path):len(path)], ref)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
