package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRequestsAreWhatTheyWere(t *testing.T) {
	for _, list := range [][]string{
		{"GET / a"}, {"GET / a", "GET / b"}, {"x", "x"}, {"", "x"}, {"aa", "aaa", "aaaa"}, {"abc", "xbz", "b"}, {"ab1cd", "ab22cd", "abcd"},
	} {
		var bytes [][]byte
		for _, s := range list {
			bytes = append(bytes, []byte(s))
		}
		r := newRequests(bytes)
		for i, want := range list {
			if got := string(r.append([]byte("."), i)); got != "."+want {
				t.Errorf("%q: request %d is %q", list, i, got)
			}
		}
	}
	if r := newRequests(nil); r.len() != 0 {
		t.Errorf("%d of none", r.len())
	}
}

func TestLoad(t *testing.T) {
	var served atomic.Int64
	var seen sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		c, _ := r.Cookie("session")
		seen.Store(c.Value, true)
		io.WriteString(w, body)
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	sessions := []string{"a", "b", "c", "d", "e", "f", "g"}
	var requests [][]byte
	for _, s := range sessions {
		requests = append(requests, request(addr, "/", "Cookie: session="+s))
	}
	l, err := dialLoad(t.Context(), addr, 3, 200, requests)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()

	s, err := l.once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.requests != len(sessions) || served.Load() != int64(s.requests) || s.latency.count != uint64(s.requests) {
		t.Errorf("once: %d counted, %d served, %d timed; want %d", s.requests, served.Load(), s.latency.count, len(sessions))
	}
	for _, session := range sessions {
		if _, ok := seen.Load(session); !ok {
			t.Errorf("session %s was not sent", session)
		}
	}

	served.Store(0)
	s, err = l.run(t.Context(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if s.requests == 0 || served.Load() != int64(s.requests) || s.elapsed < 50*time.Millisecond {
		t.Errorf("run: %d counted in %v, %d served", s.requests, s.elapsed, served.Load())
	}
}

// A variant that answers something else than it should must not be counted.
func TestLoadStopsAtAnotherStatus(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	addr := server.Listener.Addr().String()
	l, err := dialLoad(t.Context(), addr, 2, 200, [][]byte{request(addr, "/", "")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if _, err := l.run(t.Context(), time.Hour); err == nil || !strings.Contains(err.Error(), "status 404 where 200") {
		t.Errorf("error %v", err)
	}
}
