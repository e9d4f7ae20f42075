package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Light receivers are the part of a gate that takes batches, many in one
// process: they verify, apply and answer over HTTP as a gate does, each with a
// mirror of its own in one store.

// roleReceivers is the process; lightEnv says how many, whose and where.
const (
	roleReceivers = "receivers"
	lightEnv      = "CADDYITO_BENCH_RECEIVERS"
)

type lightSettings struct {
	Dir, Issuer string
	Number      int
}

func lightID(i int) string { return fmt.Sprint("light", i) }

// receivers serves them, at a port which is its first line on stdout. "/seen"
// says when each mirror last changed, in nanoseconds.
func receivers(answers *json.Encoder) int {
	if err := serveReceivers(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func serveReceivers(answers *json.Encoder) error {
	var s lightSettings
	if err := json.Unmarshal([]byte(os.Getenv(lightEnv)), &s); err != nil {
		return err
	}
	db, err := openAt(s.Dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	seen := map[string]int64{}
	db.Watch(func(e store.Event) {
		if e.Kind == store.EventMirror {
			now := time.Now().UnixNano()
			mu.Lock()
			seen[e.Realm] = now
			mu.Unlock()
		}
	})
	mux := http.NewServeMux()
	for i := range s.Number {
		mux.Handle("/"+lightID(i)+"/oidc/sync", &usersync.Receiver{
			Mirror: &usersync.Mirror{
				Name: lightID(i), Store: db, Issuer: s.Issuer, ClientID: lightID(i), Secret: memberSecret, Now: time.Now,
			},
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
	}
	mux.HandleFunc("/seen", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(w).Encode(seen)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := answers.Encode(listener.Addr().String()); err != nil {
		return err
	}
	return http.Serve(listener, mux)
}

// startLight brings up a server with n light receivers, and waits until they
// have everything.
func (f *fleet) startLight(ctx context.Context, n int) (err error) {
	settings, err := json.Marshal(lightSettings{Dir: f.dir + "/light", Issuer: "http://" + f.addr, Number: n})
	if err != nil {
		return err
	}
	if f.light, err = startProcess(ctx, "light receivers", roleEnv+"="+roleReceivers, lightEnv+"="+string(settings)); err != nil {
		return err
	}
	if err := f.light.answer(&f.light.addr); err != nil {
		return err
	}
	var clients strings.Builder
	for i := range n {
		fmt.Fprintf(&clients, "\t\tclient %s {\n\t\t\tsecret %s\n\t\t\tredirect http://%s/%[1]s/callback\n\t\t\tsync_url http://%[3]s/%[1]s/oidc/sync\n\t\t}\n",
			lightID(i), memberSecret, f.light.addr)
	}
	if err := f.startServer(ctx, clients.String()); err != nil {
		return err
	}
	return f.settled(ctx)
}

// timeLight is timeGates for light receivers: until the mirror is committed.
func (f *fleet) timeLight(ctx context.Context, changes int) ([]time.Duration, error) {
	var all []time.Duration
	deadline := time.Now().Add(patience)
	for range changes {
		_, begun, err := f.edit(ctx, 1)
		if err != nil {
			return nil, err
		}
		var took []time.Duration
		for took == nil {
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("the light receivers do not get all changes")
			}
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return nil, err
			}
			if took, err = f.seenSince(ctx, begun); err != nil {
				return nil, err
			}
		}
		all = append(all, took...)
	}
	return all, nil
}

// seenSince is how long after begun each mirror changed; nil as long as one did
// not.
func (f *fleet) seenSince(ctx context.Context, begun time.Time) ([]time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.light.addr+"/seen", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var seen map[string]int64
	if err := json.NewDecoder(resp.Body).Decode(&seen); err != nil {
		return nil, err
	}
	var took []time.Duration
	for _, at := range seen {
		if at < begun.UnixNano() {
			return nil, nil
		}
		took = append(took, time.Duration(at-begun.UnixNano()))
	}
	return took, nil
}
