package caddyauthserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyito/caddyito/caddyauthserver/provider"
	"github.com/caddyito/caddyito/store"
)

// shown remembers for which installations and issuers this process printed a
// setup link, and when: a new link ends the one before, so a reload must not
// take away the one somebody is about to follow.
var shown = struct {
	sync.Mutex
	at map[string]time.Time
}{at: map[string]time.Time{}}

// linkLifetime is how long the provider's setup links are good for.
const linkLifetime = 30 * time.Minute

// showSetupLink prints a link to make the first superuser, while there is none.
func (s *Server) showSetupLink(ctx context.Context, db store.Store, p *provider.Provider) error {
	var installation string
	var done bool
	err := db.View(ctx, func(tx store.ReadTx) error {
		meta, err := tx.Meta()
		if err != nil {
			return err
		}
		installation = meta.InstallationID
		done, err = tx.HasSuperuser()
		return err
	})
	if err != nil {
		return fmt.Errorf("looking for a superuser: %w", err)
	}
	if done {
		return nil
	}

	shown.Lock()
	defer shown.Unlock()
	key := installation + " " + s.issuer
	if at, ok := shown.at[key]; ok && time.Since(at) < linkLifetime {
		return nil
	}
	link, err := p.SetupLink(ctx)
	if err != nil {
		return fmt.Errorf("making the setup link: %w", err)
	}
	if link == "" {
		return nil
	}
	s.log.Info("nobody can administer this server yet: open this link to create the first superuser (it works once, for 30 minutes)", "url", link)
	shown.at[key] = time.Now()
	return nil
}
