package manage

import (
	"context"

	"github.com/caddyito/caddyito/store"
)

// exportStep is how many users are read at once: the list is written between two
// reads, so that a slow reader holds nothing up.
const exportStep = 500

// Export writes all users that a query finds, page after page.
func (m *Manager) Export(ctx context.Context, q store.UserQuery, to Exporter) error {
	q.After, q.Limit = "", exportStep
	for {
		var page *store.UserPage
		err := m.Store.View(ctx, func(tx store.ReadTx) (err error) {
			page, err = tx.SearchUsers(q)
			return err
		})
		if err != nil {
			return err
		}
		for _, u := range page.Users {
			if err := to.Write(u); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return to.Close()
		}
	}
}
