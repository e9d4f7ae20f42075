package authapp

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// patchClient takes settings by name, null for one that is to be as by default, and
// leaves the others as they are.
func (api *adminAPI) patchClient(a *App, r *http.Request) (any, error) {
	var patch map[string]json.RawMessage
	if err := readJSON(r, &patch); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	err := a.clients().Change(r.Context(), manage.Actor{}, id, func(s *store.ClientSettings) error {
		changed, err := patched(s, patch)
		if err == nil {
			*s = *changed
		}
		return err
	})
	if err != nil {
		return nil, clientError(id, err)
	}
	return api.showClient(a, r)
}

// patched are the settings with what the patch says of them; s is not changed.
func patched(s *store.ClientSettings, patch map[string]json.RawMessage) (*store.ClientSettings, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for name, value := range patch {
		all[name] = value
	}
	if b, err = json.Marshal(all); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	changed := &store.ClientSettings{}
	if err := dec.Decode(changed); err != nil {
		return nil, refuse(http.StatusBadRequest, "the settings cannot be read: %v", err)
	}
	return changed, nil
}

func (api *adminAPI) enableClient(a *App, r *http.Request) (any, error) {
	return api.switchClient(a, r, false)
}

func (api *adminAPI) disableClient(a *App, r *http.Request) (any, error) {
	return api.switchClient(a, r, true)
}

func (api *adminAPI) switchClient(a *App, r *http.Request, disabled bool) (any, error) {
	id := r.PathValue("id")
	if err := a.clients().SetDisabled(r.Context(), manage.Actor{}, id, disabled); err != nil {
		return nil, clientError(id, err)
	}
	return api.showClient(a, r)
}
