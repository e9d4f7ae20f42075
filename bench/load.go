package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// load is what a variant is driven with: connections that stay open, and
// requests that were built before.
type load struct {
	requests requestSet
	status   int // that every response must have
	conns    []*loadConn
}

// loadConn is a connection and the requests made on it, one after the other.
type loadConn struct {
	net.Conn
	number    int // among those of its load
	responses *responseReader
	random    *rand.Rand
	request   []byte // the last one
}

// requestSet are requests of which most is alike. Only the differences are kept, close
// together: else 100,000 requests would not be in the processor's cache, as those of so
// many browsers are in theirs, and the driver would slow down what it shares the cores
// with.
type requestSet struct {
	head, tail []byte
	// middles are one after the other; that of request i ends at ends[i+1].
	middles []byte
	ends    []uint32
}

func newRequests(list [][]byte) (r requestSet) {
	if len(list) == 0 {
		return r
	}
	r.head, r.tail = list[0], list[0]
	for _, q := range list {
		n := min(len(r.head), len(q))
		for i := range n {
			if q[i] != r.head[i] {
				n = i
				break
			}
		}
		r.head = r.head[:n]
	}
	for _, q := range list {
		n := min(len(r.tail), len(q)-len(r.head))
		for i := range n {
			if q[len(q)-1-i] != r.tail[len(r.tail)-1-i] {
				n = i
				break
			}
		}
		r.tail = r.tail[len(r.tail)-n:]
	}
	r.ends = make([]uint32, 1, len(list)+1)
	for _, q := range list {
		r.middles = append(r.middles, q[len(r.head):len(q)-len(r.tail)]...)
		r.ends = append(r.ends, uint32(len(r.middles)))
	}
	r.head, r.tail = slices.Clone(r.head), slices.Clone(r.tail) // the list can go
	return r
}

func (r *requestSet) len() int { return max(0, len(r.ends)-1) }

// append appends request i to b.
func (r *requestSet) append(b []byte, i int) []byte {
	return append(append(append(b, r.head...), r.middles[r.ends[i]:r.ends[i+1]]...), r.tail...)
}

// slice is what a load did in one slice of time.
type slice struct {
	requests int
	elapsed  time.Duration
	latency  histogram
}

// dialLoad opens n connections to addr.
func dialLoad(ctx context.Context, addr string, n, status int, list [][]byte) (*load, error) {
	l := &load{requests: newRequests(list), status: status}
	for i := range n {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("connecting to what is to be driven: %w", err)
		}
		l.conns = append(l.conns, &loadConn{
			Conn: conn, number: i, responses: newResponseReader(conn), random: rand.New(rand.NewPCG(1, uint64(i))),
		})
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.conns {
		c.Close()
	}
}

// run drives for d with requests drawn at random, every connection on its own:
// the next request leaves when the response is there.
func (l *load) run(ctx context.Context, d time.Duration) (*slice, error) {
	start := time.Now()
	end := start.Add(d)
	return l.each(ctx, start, func(i int, c *loadConn, s *slice) error {
		for sent := time.Now(); sent.Before(end); {
			got, err := c.roundTrip(&l.requests, c.random.IntN(l.requests.len()), l.status, s, sent)
			if err != nil {
				return err
			}
			sent = got
		}
		return nil
	})
}

// errand is what a connection does again and again where that is more than a
// request which was built before. It counts as one, however many requests it takes.
type errand func(c *loadConn) error

// repeat has every connection do the errand for d, again as soon as it is done.
func (l *load) repeat(ctx context.Context, d time.Duration, e errand) (*slice, error) {
	start := time.Now()
	end := start.Add(d)
	return l.each(ctx, start, func(i int, c *loadConn, s *slice) error {
		for begun := time.Now(); begun.Before(end); {
			if err := e(c); err != nil {
				return err
			}
			done := time.Now()
			s.requests++
			s.latency.add(done.Sub(begun))
			begun = done
		}
		return nil
	})
}

// ask sends a request and reads the whole response, which is valid until the next.
func (c *loadConn) ask(status int, parts ...[]byte) (head, body []byte, err error) {
	actual, head, body, err := c.askAny(parts...)
	if err == nil && actual != status {
		err = fmt.Errorf("a response with status %d where %d was expected:\n%s%s", actual, status, head, body)
	}
	return head, body, err
}

// askAny is ask for whatever status comes.
func (c *loadConn) askAny(parts ...[]byte) (status int, head, body []byte, err error) {
	c.request = c.request[:0]
	for _, part := range parts {
		c.request = append(c.request, part...)
	}
	if _, err := c.Write(c.request); err != nil {
		return 0, nil, nil, fmt.Errorf("sending a request: %w", err)
	}
	return c.responses.whole()
}

// once sends every request once, in order, split among the connections.
func (l *load) once(ctx context.Context) (*slice, error) {
	return l.each(ctx, time.Now(), func(i int, c *loadConn, s *slice) error {
		sent := time.Now()
		for j := i; j < l.requests.len(); j += len(l.conns) {
			got, err := c.roundTrip(&l.requests, j, l.status, s, sent)
			if err != nil {
				return err
			}
			sent = got
		}
		return nil
	})
}

// each runs drive on every connection and adds up what they did.
func (l *load) each(ctx context.Context, start time.Time, drive func(int, *loadConn, *slice) error) (*slice, error) {
	// A connection that hangs must not hang the whole run.
	deadline := start.Add(time.Minute)
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	parts := make([]slice, len(l.conns))
	errs := make([]error, len(l.conns))
	var wg sync.WaitGroup
	for i, c := range l.conns {
		c.SetDeadline(deadline)
		wg.Go(func() { errs[i] = drive(i, c, &parts[i]) })
	}
	wg.Wait()
	total := &slice{elapsed: time.Since(start)}
	for i := range parts {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errs[i] != nil {
			return nil, errs[i]
		}
		total.requests += parts[i].requests
		total.latency.merge(&parts[i].latency)
	}
	return total, nil
}

// roundTrip sends request i and waits for its response, which came at got.
func (c *loadConn) roundTrip(r *requestSet, i, status int, s *slice, sent time.Time) (got time.Time, err error) {
	c.request = r.append(c.request[:0], i)
	if _, err := c.Write(c.request); err != nil {
		return got, fmt.Errorf("sending a request: %w", err)
	}
	actual, head, err := c.responses.next()
	if err != nil {
		return got, err
	}
	if actual != status {
		return got, fmt.Errorf("a response with status %d where %d was expected:\n%s", actual, status, head)
	}
	got = time.Now()
	s.requests++
	s.latency.add(got.Sub(sent))
	return got, nil
}
