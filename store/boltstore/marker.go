package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyito/caddyito/internal/durable"
)

// The marker is a file beside the database that names the installation. It
// tells an installation that lost its database from one that is yet to begin.

func markerPath(path string) string { return path + ".id" }

// readMarker returns "" if there is none.
func readMarker(path string) (id string, err error) {
	b, err := os.ReadFile(markerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the marker of the database: %w", err)
	}
	id = strings.TrimSpace(string(b))
	if id == "" || len(id) > 100 {
		return "", fmt.Errorf("%s should name the installation of the database beside it, and does not: restore it from a backup, or remove it if the database is the right one", markerPath(path))
	}
	return id, nil
}

// writeMarker returns once the marker is on the disk.
func writeMarker(path, id string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(markerPath(path))+".*")
	if err != nil {
		return fmt.Errorf("writing the marker of the database: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = f.WriteString(id + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), markerPath(path))
	}
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("writing the marker of the database: %w", err)
	}
	return nil
}
