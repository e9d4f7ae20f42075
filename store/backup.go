package store

import (
	"context"
	"io"
)

// Backuper is a Store that can be copied while it is in use.
type Backuper interface {
	// Backup writes a copy of the store as it is at one moment, with all that was
	// written by every Update that returned before Backup was called. Writers go
	// on meanwhile. After an error what was written is of no use.
	Backup(ctx context.Context, w io.Writer) error
}
