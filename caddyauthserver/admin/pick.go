package admin

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

// pickScript fills the list of a relation's field as one types. Without it the field
// takes a name or a number all the same.
//
//go:embed pick.js
var pickJS string

var pickScript = template.JS(pickJS)

// maxPick is how many objects are offered.
const maxPick = 20

// pick lists objects of a type by how their texts begin, for pickScript.
func (a *Admin) pick(w http.ResponseWriter, r *http.Request, v *visit) error {
	typ, err := a.objectType(r)
	if err != nil {
		return err
	}
	choices := []string{}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		page, err := tx.SearchObjects(store.ObjectQuery{Type: typ, Prefix: short(r.URL.Query().Get("q")), Limit: maxPick})
		if err != nil {
			return err
		}
		choices = choices[:0]
		for _, o := range page.Objects {
			choices = append(choices, manage.Choice(a.Schema, o))
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(choices)
}
