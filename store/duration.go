package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a time.Duration that is "10m0s" in JSON.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

// UnmarshalJSON reads "10m", or as Caddy does a number of nanoseconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, (*int64)(d)) == nil {
		return nil
	}
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("a duration is written as in \"10m\"")
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("duration %q: write it as in \"10m\" or \"720h\"", text)
	}
	*d = Duration(v)
	return nil
}
