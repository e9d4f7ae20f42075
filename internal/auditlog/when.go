package auditlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a point in time as people write it: how long ago ("90m", "24h",
// "7d"), a day ("2026-11-23", in UTC) or a time (RFC 3339). "" is the zero time.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.AddDate(0, 0, -n).UTC(), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UTC(), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q: write how long ago (24h, 7d), a day (2026-11-23) or a time (2026-11-23T12:00:00Z)", text)
}
