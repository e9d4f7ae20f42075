package authapp

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) groupRoutes() {
	api.handleKept("GET /auth/groups", api.listGroups)
	api.handleKept("POST /auth/users/{user}/do", api.doToUser)
	api.mux.HandleFunc("POST /auth/groups/{group}/rename", api.renameGroup)
}

// groupPage is a page of groups by name. Next is the after of the next page.
type groupPage struct {
	Groups []store.Group `json:"groups"`
	Next   string        `json:"next,omitempty"`
}

func (api *adminAPI) listGroups(a *App, r *http.Request) (any, error) {
	limit, err := pageLimit(r)
	if err != nil {
		return nil, err
	}
	page := groupPage{}
	err = a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		page.Groups, err = tx.Groups(r.URL.Query().Get("after"), limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(page.Groups) == limit {
		page.Next = page.Groups[limit-1].Name
	}
	if page.Groups == nil {
		page.Groups = []store.Group{}
	}
	return page, nil
}

// userDeed is what is to be done to a user, as the pages do it to many.
type userDeed struct {
	Do    manage.Operation `json:"do"`
	Group string           `json:"group,omitempty"`
}

func (api *adminAPI) doToUser(a *App, r *http.Request) (any, error) {
	var body userDeed
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	err := a.manager().Do(r.Context(), manage.Actor{}, named(r), body.Do, body.Group)
	if errors.Is(err, manage.ErrNoOperation) {
		return nil, refuse(http.StatusBadRequest, "%s", err)
	}
	return nil, err
}

// groupStatus is a line of the answer to a renaming: how many members were moved.
type groupStatus struct {
	Done     int    `json:"done"`
	Finished bool   `json:"finished,omitempty"`
	Error    string `json:"error,omitempty"`
}

// renameGroup has the members of a group be in another, or with to "" in neither. It
// answers line by line in JSON while they are moved.
func (api *adminAPI) renameGroup(w http.ResponseWriter, r *http.Request) {
	out := &lateHeader{ResponseWriter: w}
	enc := json.NewEncoder(out)
	_, err := api.answer(w, r, kept(func(a *App, r *http.Request) (any, error) {
		var body struct {
			To *string `json:"to"`
		}
		if err := readJSON(r, &body); err != nil {
			return nil, err
		}
		if body.To == nil {
			return nil, refuse(http.StatusBadRequest, "to is missing: the new name, or empty to have nobody in the group")
		}
		from, to := r.PathValue("group"), *body.To
		if to != "" {
			if err := store.CheckGroup(to); err != nil {
				return nil, refuse(http.StatusBadRequest, "%s", err)
			}
		}
		last := groupStatus{Finished: true}
		told := time.Time{}
		err := a.manager().RenameGroup(r.Context(), manage.Actor{}, from, to, func(done int) {
			if last.Done = done; time.Since(told) < time.Second/4 {
				return
			}
			told = time.Now()
			_ = enc.Encode(groupStatus{Done: done}) // whoever left is not told, and what they began is done
			_ = http.NewResponseController(w).Flush()
		})
		if err != nil {
			last.Error = err.Error()
		}
		_ = enc.Encode(last)
		return nil, nil
	}))
	api.endStream(w, r, out.begun, "renaming a group", err)
}
