//go:build !unix

package boltstore_test

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return -1 }
