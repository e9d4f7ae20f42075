package main

import (
	"os"
	"strings"
	"testing"
)

// The children of a test are this test's binary again.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(runChild(role))
	}
	os.Exit(m.Run())
}

func TestRssAnon(t *testing.T) {
	status := "Name:\tcaddy\nVmRSS:\t   52100 kB\nRssAnon:\t   12345 kB\nRssFile:\t   39755 kB\n"
	if got := parseRssAnon(status); got != 12345<<10 {
		t.Errorf("%d", got)
	}
	for _, status := range []string{"", "RssAnon:\n", "RssAnon:\tmuch kB\n"} {
		if got := parseRssAnon(status); got != 0 {
			t.Errorf("%q: %d", status, got)
		}
	}
}

func TestTailKeepsTheLastWords(t *testing.T) {
	var log tail
	for range 1000 {
		log.Write([]byte("chatter\n"))
	}
	log.Write([]byte("the reason\n"))
	if got := log.String(); len(got) > 4096 || !strings.HasSuffix(got, "the reason") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
}

// A Caddy that cannot start says why, at once.
func TestStartFails(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, err = startCaddy(t.Context(), "broken", t.TempDir(), addr, "{\n\tadmin off\n}\nhttp://"+addr+" {\n\tno_such_directive\n}\n")
	if err == nil || !strings.Contains(err.Error(), "no_such_directive") {
		t.Errorf("error %v", err)
	}
}
