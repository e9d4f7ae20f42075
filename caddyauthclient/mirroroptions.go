package caddyauthclient

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthclient/gate"
	"github.com/caddyito/caddyito/usersync"
)

// What is configured of the gate's copy of the users.

func (h *Handler) readOffline(d *caddyfile.Dispenser) error {
	if err := directive.Duration(&h.Offline)(d); err != nil {
		return err
	}
	return directive.Wrap(d, checkOffline(h.Offline))
}

func checkOffline(d caddy.Duration) error {
	if d != 0 && d < caddy.Duration(gate.MinOffline) {
		return fmt.Errorf("offline must be at least %dm, for the server lets hear of itself no oftener than once a minute", int(gate.MinOffline.Minutes()))
	}
	return nil
}

func (h *Handler) readOnDelete(d *caddyfile.Dispenser) error {
	var v string
	if err := directive.Text(&v)(d); err != nil {
		return err
	}
	h.OnDelete = usersync.OnDelete(v)
	return directive.Wrap(d, h.OnDelete.Check())
}

// readDirectory reads the block. Where the directory is to be depends on the
// prefix, so that is checked when all is read; at is where it is wrong then.
func (h *Handler) readDirectory(at *caddyfile.Token) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		*at = d.Token()
		if d.NextArg() {
			return d.Errf("directory takes a block, as in: directory { allow 127.0.0.1/8 }")
		}
		h.Directory = new(gate.Directory)
		return directive.Options(d, "directory", []directive.Option{
			{Name: "path", Read: directive.Text(&h.Directory.Path)},
			{Name: "allow", Repeatable: true, Read: directive.Texts(&h.Directory.Allow)},
			{Name: "token", Read: func(d *caddyfile.Dispenser) error {
				if err := directive.Text(&h.Directory.Token)(d); err != nil {
					return err
				}
				if directive.HasPlaceholder(h.Directory.Token) {
					return nil
				}
				return directive.Wrap(d, h.Directory.CheckToken())
			}},
		})
	}
}
