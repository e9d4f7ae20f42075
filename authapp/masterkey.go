package authapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddyito/caddyito/internal/durable"
	"github.com/caddyito/caddyito/store"
)

// defaultMasterKeyFile is where the key lies if the config does not say.
func defaultMasterKeyFile() string {
	return filepath.Join(caddy.AppDataDir(), "caddyito", "master.key")
}

// checkMasterKeySetting refuses a key that stands in the config itself, which
// is what {$VAR} in a Caddyfile does. It does not repeat it.
func checkMasterKeySetting(setting string) error {
	if _, err := store.ParseMasterKey(setting); err == nil {
		return errors.New("master_key is the key itself, which would lie readable in the config; name the file that holds it, or a placeholder such as {env.MASTER_KEY} (not {$MASTER_KEY})")
	}
	return nil
}

// isPlaceholder says whether the whole setting is one placeholder. Then it
// holds the key; it is never taken for a file name, so that a mistyped key does
// not turn up in an error message.
func isPlaceholder(setting string) bool {
	return len(setting) > 2 && setting[0] == '{' && strings.IndexByte(setting, '}') == len(setting)-1
}

// keySource is where the master key comes from.
type keySource struct {
	name  string // for messages
	path  string // of the file, or empty
	value string // what the placeholder held
}

func newKeySource(setting string) (keySource, error) {
	repl := caddy.NewReplacer()
	if isPlaceholder(setting) {
		value, err := repl.ReplaceOrErr(setting, true, true)
		if err != nil {
			return keySource{}, fmt.Errorf("master_key: %w", err)
		}
		return keySource{name: setting, value: value}, nil
	}
	path := defaultMasterKeyFile()
	if setting != "" {
		var err error
		if path, err = repl.ReplaceOrErr(setting, true, true); err != nil {
			return keySource{}, fmt.Errorf("master_key: %w", err)
		}
	}
	return keySource{name: path, path: path}, nil
}

// read returns fs.ErrNotExist if the key is in a file that is not there.
func (s keySource) read(log *zap.Logger) (store.MasterKey, error) {
	text := s.value
	if s.path != "" {
		b, err := os.ReadFile(s.path)
		if err != nil {
			return store.MasterKey{}, fmt.Errorf("reading the master key: %w", err)
		}
		if info, err := os.Stat(s.path); err == nil && info.Mode().Perm()&0o077 != 0 {
			log.Warn("others can read the master key; make it yours alone: chmod 600", zap.String("file", s.path))
		}
		text = string(b)
	}
	key, err := store.ParseMasterKey(text)
	if err != nil {
		return store.MasterKey{}, fmt.Errorf("master key in %s: %w; put the right one there, from a backup say", s.name, err)
	}
	return key, nil
}

// create makes the key file, on disk before the store is used with it.
func (s keySource) create() (store.MasterKey, error) {
	key := store.NewMasterKey()
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return key, fmt.Errorf("creating the directory of the master key: %w", err)
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return key, fmt.Errorf("creating the master key: %w", err)
	}
	_, err = f.WriteString(key.Encode() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(s.path) // half a key would stand in the way of the next start
		return key, fmt.Errorf("creating the master key: %w", err)
	}
	if err := durable.SyncDir(dir); err != nil {
		return key, fmt.Errorf("creating the master key: %w", err)
	}
	return key, nil
}

// masterKey finds the key of a store that was just opened, and makes it if both
// are new.
func (s keySource) masterKey(st store.Store, log *zap.Logger) (store.MasterKey, error) {
	key, err := s.read(log)
	if s.path != "" && errors.Is(err, fs.ErrNotExist) {
		var meta store.Meta
		if err := st.View(context.Background(), func(tx store.ReadTx) (err error) {
			meta, err = tx.Meta()
			return err
		}); err != nil {
			return key, fmt.Errorf("looking up which master key the store was made with: %w", err)
		}
		if meta.KeyCheck != nil {
			return key, fmt.Errorf("the master key %s is missing, and the database was made with it: bring the file back from a backup, or name where it is with master_key in the auth option (a new key cannot read client secrets and signing keys)", s.path)
		}
		if key, err = s.create(); err == nil {
			log.Info("made a new master key; keep a copy apart from the database's backups", zap.String("file", s.path))
		}
	}
	if err != nil {
		return key, err
	}
	err = st.Update(context.Background(), func(tx store.WriteTx) error { return store.CheckMasterKey(tx, key) })
	if errors.Is(err, store.ErrWrongMasterKey) {
		return key, fmt.Errorf("%w: %s holds another; bring back the key that belongs to this database, or the database that belongs to this key", err, s.name)
	}
	if err != nil {
		return key, fmt.Errorf("checking the master key: %w", err)
	}
	return key, nil
}
