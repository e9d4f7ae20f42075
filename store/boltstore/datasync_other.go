//go:build !linux

package boltstore

import "os"

// datasync waits until what was written over a file is on the disk.
func datasync(f *os.File) error { return f.Sync() }
