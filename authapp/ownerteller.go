package authapp

import "github.com/caddyito/caddyito/store"

// OwnerTeller is a server that lets people know, by mail if it sends any, what was done
// to their account.
type OwnerTeller interface {
	TellOfPasswordSet(*store.User)
	TellOfFactorsReset(*store.User)
}

// tellOwner has one server tell: all of them have the same users.
func (a *App) tellOwner(tell func(OwnerTeller)) {
	for _, s := range a.servers {
		if t, ok := s.(OwnerTeller); ok {
			tell(t)
			return
		}
	}
}
