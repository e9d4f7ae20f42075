package store

import (
	"testing"
	"time"
)

// What Text writes, ParseDuration reads, and it is what a person would write.
func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", 5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 720 * time.Hour: "30d", 25 * time.Hour: "25h",
		time.Second: "1s", 100 * time.Second: "1m40s", 1500 * time.Millisecond: "1.5s", time.Hour + time.Second: "1h0m1s",
	} {
		text := Duration(d).Text()
		if text != want {
			t.Errorf("%s is written %q, want %q", d, text, want)
		}
		if text == "" {
			continue
		}
		if got, err := ParseDuration(text); err != nil || time.Duration(got) != d {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "5", "d", "-1d", "1.5d", "99999999d", "<b>"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, d)
		}
	}
}
