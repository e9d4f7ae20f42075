package main

import (
	"context"
	"fmt"
	"net/url"
	"sync"
)

// rush is what becomes of a crowd that signs in at the same moment.
type rush struct {
	People   int `json:"people"`
	SignedIn int `json:"signed_in"`
	// Later were asked to try again in a moment, since so many were before them.
	Later int `json:"later"`
	// Memory of the server in bytes, apart from the page cache: before, and the
	// most while they signed in.
	Before int64 `json:"before"`
	Peak   int64 `json:"peak"`
}

// rushIn has the whole crowd stand at the login page, and then press the button.
func (b *providerBench) rushIn(ctx context.Context) error {
	b.note("%d people sign in at once", b.crowd)
	s := b.servers[0]
	l, err := dialLoad(ctx, s.caddy.addr, b.crowd, 0, nil)
	if err != nil {
		return err
	}
	b.loads = append(b.loads, l)
	people, forms := make([]*browser, b.crowd), make([]url.Values, b.crowd)
	for i, c := range l.conns {
		people[i] = &browser{conn: c, addr: s.caddy.addr, from: fmt.Sprintf("%d.%d.%d.9", 11+i%97, i/97, i%251)}
		if _, err := people[i].get(200, "/o/login"); err != nil {
			return err
		}
		forms[i] = url.Values{
			"csrf": {hidden(people[i].body, "csrf")}, "username": {username(i % b.few)}, "password": {userPassword},
		}
	}
	rest, err := s.caddy.ask(opSettle)
	if err != nil {
		return err
	}
	b.rush = rush{People: b.crowd, Before: rest.Anonymous}
	peaks := watchMemory(s.caddy)
	statuses, errs := make([]int, b.crowd), make([]error, b.crowd)
	var pressing sync.WaitGroup
	for i, p := range people {
		pressing.Go(func() { statuses[i], errs[i] = p.submit("/o/login", forms[i]) })
	}
	pressing.Wait()
	b.rush.Peak = peaks()[0]
	for i, status := range statuses {
		switch {
		case errs[i] != nil:
			return errs[i]
		case status == 303:
			b.rush.SignedIn++
		case status == 503:
			b.rush.Later++
		default:
			return fmt.Errorf("somebody of the crowd is answered %d", status)
		}
	}
	return nil
}
