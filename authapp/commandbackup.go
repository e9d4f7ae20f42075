package authapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/durable"
	"github.com/caddyito/caddyito/store"
)

func backupCommand() *cobra.Command {
	return command("backup <file>", "Copies the store of the Caddy that runs, as it is at one moment, into a new file", cobra.ExactArgs(1), backupCmd)
}

func restoreCommand() *cobra.Command {
	restore := command("restore <file> [--yes]", "Puts a backup in the place of the store, while Caddy is stopped; --config says which store", cobra.ExactArgs(1), restoreCmd)
	restore.Flags().BoolP("yes", "y", false, "Do not ask")
	return restore
}

// backupCmd writes the file under another name first: what has the name is
// whole.
func backupCmd(s *session, args []string) (err error) {
	name := args[0]
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s is there already, and a backup is not written over anything; name another file", name)
	}
	resp, err := s.request(http.MethodGet, "/auth/backup", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	partial := name + ".partial"
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another backup is under way, or broke off; remove it if none is", partial)
	}
	if err != nil {
		return fmt.Errorf("making the file of the backup: %w", err)
	}
	defer os.Remove(partial) // fails once it has the name
	n, err := io.Copy(f, resp.Body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("the backup broke off: %w", err)
	}
	err = os.Link(partial, name) // unlike Rename, it replaces nothing
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(partial, name) // not every file system has links
	}
	if err != nil {
		return fmt.Errorf("naming the backup: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return s.done(fmt.Sprintf("wrote %d bytes to %s; the master key is not in it: keep a copy of that apart", n, name))
}

// Restorer is a StoreGuest that can put a backup in the place of what it would
// open. Nobody has it open then.
type Restorer interface {
	// Restore returns where it put the backup, and what was there before, if
	// anything. It calls check with the backup before it changes anything.
	Restore(from string, check func(store.Store) error) (to, kept string, err error)
}

// restoreCmd needs no Caddy that runs: it does what only the owner of the file
// can do.
func restoreCmd(s *session, args []string) error {
	app, err := s.configuredApp()
	if err != nil {
		return err
	}
	guest, ok := app.guest.(Restorer)
	if !ok {
		return errors.New("this kind of store is not restored from here; use its own tools")
	}
	key, err := newKeySource(app.MasterKey)
	if err != nil {
		return err
	}
	if err := s.confirm("Put " + args[0] + " in the place of the store? Caddy must be stopped; what is there now is kept under another name."); err != nil {
		return err
	}
	to, kept, err := guest.Restore(args[0], func(st store.Store) error {
		_, err := key.masterKey(st, zap.NewNop())
		return err
	})
	if kept != "" {
		kept = "; what was there is " + kept
	}
	if err != nil {
		return fmt.Errorf("%w%s", err, kept)
	}
	return s.done("restored " + to + kept + ". Gates notice when Caddy starts: they fill themselves anew, and people sign in again there")
}

// configuredApp is the auth app as the --config file has it, or its defaults.
func (s *session) configuredApp() (*App, error) {
	app := new(App)
	f := s.cmd.Flags()
	file, _ := f.GetString("config") // these flags exist on every command
	adapter, _ := f.GetString("adapter")
	if file != "" {
		text, _, _, err := caddycmd.LoadConfig(file, adapter)
		if err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		var config struct {
			Apps struct {
				Auth json.RawMessage `json:"auth"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(text, &config); err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		if config.Apps.Auth != nil {
			if err := json.Unmarshal(config.Apps.Auth, app); err != nil {
				return nil, fmt.Errorf("reading the auth app of the config: %w", err)
			}
		}
	}
	if app.StoreRaw == nil {
		app.guest = new(BoltStore)
		return app, nil
	}
	var named struct {
		Module string `json:"module"`
	}
	if err := json.Unmarshal(app.StoreRaw, &named); err != nil {
		return nil, fmt.Errorf("reading the store of the config: %w", err)
	}
	info, err := caddy.GetModule("auth.stores." + named.Module)
	if err != nil {
		return nil, fmt.Errorf("the store of the config: %w", err)
	}
	module := info.New()
	if err := json.Unmarshal(app.StoreRaw, module); err != nil {
		return nil, fmt.Errorf("reading the store of the config: %w", err)
	}
	app.guest = module.(StoreGuest)
	return app, nil
}
