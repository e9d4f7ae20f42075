//go:build race

package glue

const raceEnabled = true
