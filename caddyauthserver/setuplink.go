package caddyauthserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyito/caddyito/authapp"
	"github.com/caddyito/caddyito/store"
)

// shown remembers, by installation, the setup link that this process printed
// last. A new link ends the one before, so neither a reload nor another
// auth_server with the same store may take away the one somebody is about to
// follow.
var shown = struct {
	sync.Mutex
	links map[string]shownLink
}{links: map[string]shownLink{}}

type shownLink struct {
	at     time.Time
	issuer string
	app    *authapp.App // of the config whose server printed it, or would have
}

// linkLifetime is how long the provider's setup links are good for.
const linkLifetime = 30 * time.Minute

// Announce prints a link to make the first superuser, while there is none. A config
// that fails to start prints none, which would lead nowhere and end the link before.
func (s *Server) Announce(ctx context.Context) error {
	p := s.provider.Load()
	var installation string
	var done bool
	err := s.app.Store().View(ctx, func(tx store.ReadTx) error {
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
	last, ok := shown.links[installation]
	if ok && time.Since(last.at) < linkLifetime {
		if last.issuer == s.issuer {
			last.app = s.app
			shown.links[installation] = last
			return nil
		}
		if last.app == s.app {
			return nil // that of another server in this config
		}
		// Where it leads to there is perhaps no server any more.
	}
	link, err := p.SetupLink(ctx)
	if err != nil {
		return fmt.Errorf("making the setup link: %w", err)
	}
	if link == "" {
		return nil
	}
	s.log.Info("nobody can administer this server yet: open this link to create the first superuser (it works once, for 30 minutes)", "url", link)
	shown.links[installation] = shownLink{time.Now(), s.issuer, s.app}
	return nil
}
