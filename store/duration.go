package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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

// ParseDuration reads a duration as a person writes it: "5m", "24h" or "30d".
func ParseDuration(text string) (Duration, error) {
	days, ok := strings.CutSuffix(strings.TrimSpace(text), "d")
	if n, err := strconv.Atoi(days); ok && err == nil && n >= 0 && n < 36500 {
		return Duration(n) * Duration(24*time.Hour), nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return 0, Mistakef("%q is not a duration as in 5m, 24h or 30d", text)
	}
	return Duration(d), nil
}

// Text is the duration as ParseDuration reads it; none is "".
func (d Duration) Text() string {
	const day = Duration(24 * time.Hour)
	switch {
	case d == 0:
		return ""
	case d%day == 0 && d > 0:
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
