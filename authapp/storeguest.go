package authapp

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

func init() {
	caddy.RegisterModule(BoltStore{})
}

// StoreGuest is a module auth.stores.*: a kind of store.
type StoreGuest interface {
	// Canonical is what the store is, the same however it is spelled (a path
	// through a symbolic link, say): configs that agree share one open store.
	// It is called at Start and may create directories.
	Canonical() (string, error)
	// Open opens it. Its errors say what to do.
	Open(context.Context, *zap.Logger) (store.Store, error)
}

// BoltStore keeps everything in one file of this machine, with bbolt. The file
// can be open in one process only.
type BoltStore struct {
	// Path of the file; a relative one is below the working directory. Default:
	// caddyito/auth.db under Caddy's data directory.
	Path string `json:"path,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (BoltStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "auth.stores.bbolt",
		New: func() caddy.Module { return new(BoltStore) },
	}
}

// Canonical is the file's path without symbolic links.
func (b *BoltStore) Canonical() (string, error) {
	path := filepath.Join(caddy.AppDataDir(), "caddyito", "auth.db")
	if b.Path != "" {
		var err error
		if path, err = caddy.NewReplacer().ReplaceOrErr(b.Path, true, true); err != nil {
			return "", fmt.Errorf("store bbolt: path: %w", err)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("store bbolt: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("store bbolt: creating the directory of the database: %w", err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // the file is yet to be made
	if err != nil {
		return "", fmt.Errorf("store bbolt: %w", err)
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

// Open opens the file, or makes it.
func (b *BoltStore) Open(context.Context, *zap.Logger) (store.Store, error) {
	path, err := b.Canonical()
	if err != nil {
		return nil, err
	}
	st, err := boltstore.Open(path, boltstore.Options{Trouble: reportTrouble})
	if err != nil {
		return nil, err
	}
	return st, nil
}

// reportTrouble says what befalls an open database. That may outlast the config
// that opened it, and its logger.
func reportTrouble(err error) {
	log := caddy.Log().Named("auth.stores.bbolt")
	if err != nil {
		log.Error("cannot move what was written from the log of the database to the database; it stays in the log and is tried again, but once the log is full nobody can sign in: check the disk", zap.Error(err))
		return
	}
	log.Info("what was written is moved to the database again")
}

// Restore puts a backup in the place of the file, and keeps what was there.
func (b *BoltStore) Restore(from string, check func(store.Store) error) (to, kept string, err error) {
	if to, err = b.Canonical(); err != nil {
		return "", "", err
	}
	kept, err = boltstore.Restore(to, from, boltstore.Options{}, check)
	return to, kept, err
}

// UnmarshalCaddyfile reads what stands after "store":
//
//	bbolt [<path>]
func (b *BoltStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "bbolt"
	if d.NextArg() {
		b.Path = d.Val()
	}
	if d.NextArg() {
		return d.Errf("store bbolt takes one path, and %q is one too many", d.Val())
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("store bbolt has no options; there is %q", d.Val())
	}
	return nil
}

// Interface guards
var (
	_ StoreGuest            = (*BoltStore)(nil)
	_ Restorer              = (*BoltStore)(nil)
	_ caddyfile.Unmarshaler = (*BoltStore)(nil)
)
