// Package durable is what the files that belong beside a database need to
// survive the loss of power: the master key (authapp) and the marker of an
// installation (store/boltstore).
package durable

import (
	"errors"
	"os"
	"runtime"
)

// SyncDir makes the names in a directory durable, where the system can.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
