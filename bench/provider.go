package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// providerBench is one run of "bench provider".
type providerBench struct {
	contest                         // of what is short
	logins                  contest // of what takes a password
	conns, few, many, crowd int
	dir                     string

	servers []*providerServer // with few users, and with many
	plain   []*process        // for discovery and jwks to compare with
	loads   []*load
	rush    rush
}

// providerServer is a Caddy with auth_server.
type providerServer struct {
	caddy   *process
	admin   string
	hash    string // where bench_hash is
	errands *errands
}

// The rows: what is asked of a provider.
const (
	plainDiscovery = "respond, 2000 bytes"
	plainJWKS      = "respond, as long as jwks"
	discoveryName  = "discovery"
	jwksName       = "jwks"
	userinfoName   = "userinfo"
	introspectName = "introspection"
	machineName    = "client credentials, opaque"
	codesES256     = "code exchange, ES256"
	refreshES256   = "refresh, ES256"
	codesRS256     = "code exchange, RS256"
	refreshRS256   = "refresh, RS256"
	loginName      = "whole login, RS256"
	hashName       = "argon2id alone"
	signName       = "RS256 signature alone"
)

// ofLogins is how many times longer turns of logins are, so that it does not matter
// much that the last ones have the cores to themselves.
const ofLogins = 4

// mostOfRespond is how long a text may be of which plain Caddy's respond tells the
// length; what is longer goes out in chunks, which is slower.
const mostOfRespond = 2000

const (
	discoveryPath = "/.well-known/openid-configuration"
	jwksPath      = "/o/jwks"
)

func runProvider(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &providerBench{contest: contest{progress: progress, pieces: parts}}
	flags := flag.NewFlagSet("bench provider", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&b.rounds, "rounds", 6, "how many `times` each row has its turn")
	seconds := flags.Float64("seconds", 1, "`length` of a turn; those of logins are four times as long")
	flags.IntVar(&b.conns, "conns", 16, "`clients` in parallel")
	flags.IntVar(&b.few, "few", 1000, "`users` of the one server")
	flags.IntVar(&b.many, "many", 1_000_000, "`users` of the other")
	flags.IntVar(&b.crowd, "crowd", 500, "how many `people` sign in at once, to see what memory that takes")
	flags.StringVar(&b.profiles, "profile", "", "write CPU and allocation profiles of every row into this `directory` (costs a little CPU)")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	b.each = time.Duration(*seconds * float64(time.Second))
	b.logins = contest{rounds: b.rounds, each: ofLogins * b.each, pieces: 1, profiles: b.profiles, progress: progress}
	if flags.NArg() > 0 || min(b.rounds, b.conns, b.few, b.many, b.crowd) < 1 || b.each <= 0 || b.each > 10*time.Second {
		return fmt.Errorf("provider takes flags only, all above 0, and turns of at most 10 seconds; -h lists them")
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "caddyito-bench-"); err != nil {
		return fmt.Errorf("making a directory for the run: %w", err)
	}
	defer os.RemoveAll(b.dir)
	defer b.stop()
	for _, part := range []func(context.Context) error{b.start, b.prepare, b.compete, b.signIn, b.rushIn} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	r := b.report()
	if *asJSON {
		return writeJSON(out, r)
	}
	return r.writeTable(out)
}

func (b *providerBench) stop() {
	for _, l := range b.loads {
		l.close()
	}
	for _, p := range b.plain {
		p.stop()
	}
	for _, s := range b.servers {
		s.caddy.stop()
	}
}

// start brings up the servers, and plain Caddys that answer about as much.
func (b *providerBench) start(ctx context.Context) error {
	for i, users := range []int{b.few, b.many} {
		b.note("filling and starting a server: %d users", users)
		s, err := b.startServer(ctx, filepath.Join(b.dir, fmt.Sprint("server-", i)), users)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, s)
	}
	for _, path := range []string{discoveryPath, jwksPath} {
		status, document, err := fetch(ctx, b.servers[0].caddy.addr, path, "")
		if err != nil || status != 200 {
			return fmt.Errorf("asking for %s: %d %v", path, status, err)
		}
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		p, err := startCaddy(ctx, "plain", filepath.Join(b.dir, fmt.Sprint("plain-", len(b.plain))), addr,
			variant{front: responded}.caddyfileAnswering(setting{addr: addr}, strings.Repeat("x", min(len(document), mostOfRespond))))
		if err != nil {
			return err
		}
		b.plain = append(b.plain, p)
	}
	return nil
}

// inTurns is how many a row spends that does so many a second at the most.
func (b *providerBench) inTurns(rate int) int {
	return b.conns + int(float64(b.rounds+1)*b.each.Seconds()*float64(rate))
}

func (b *providerBench) startServer(ctx context.Context, dir string, users int) (s *providerServer, err error) {
	want := map[string]sales{clientES256: {
		store.KindCode: b.inTurns(20_000), store.KindRefresh: 64 * b.conns, store.KindAccess: 20_000,
	}}
	if users == b.few {
		want[clientRS256] = sales{store.KindCode: b.inTurns(6000), store.KindRefresh: 64 * b.conns}
	}
	seed, err := seedProvider(ctx, dir, users, want)
	if err != nil {
		return nil, err
	}
	if s, err = launch(ctx, seed); err != nil {
		return nil, err
	}
	if err := s.register(ctx); err != nil {
		s.caddy.stop()
		return nil, err
	}
	return s, nil
}

// launch starts a server with a store that was filled.
func launch(ctx context.Context, seed *providerSeed) (s *providerServer, err error) {
	s = &providerServer{errands: &errands{seed: seed, secrets: map[string]string{}}}
	if s.errands.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if s.admin, err = freeAddr(); err != nil {
		return nil, err
	}
	if s.hash, err = freeAddr(); err != nil {
		return nil, err
	}
	// The people of the crowd come from all over the world.
	s.caddy, err = startCaddy(ctx, fmt.Sprintf("server with %d users", seed.users), seed.dir, s.errands.addr, fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	log {
		level WARN
	}
	servers {
		trusted_proxies static 127.0.0.1/32
	}
}
http://%s {
	auth_server
}
http://%s {
	bench_hash
}
`, s.admin, s.errands.addr, s.hash))
	return s, err
}

// register has the clients registered in the store, as most clients are.
func (s *providerServer) register(ctx context.Context) error {
	web := func(alg string) store.ClientSettings {
		return store.ClientSettings{RedirectURIs: []string{redirectURI}, SkipConsent: true, IDTokenAlg: alg}
	}
	for id, settings := range map[string]store.ClientSettings{
		clientES256:   web("ES256"),
		clientRS256:   web("RS256"),
		clientMachine: {GrantTypes: []string{store.GrantClientCredentials}},
	} {
		body, err := json.Marshal(struct {
			ID string `json:"id"`
			store.ClientSettings
		}{id, settings})
		if err != nil {
			return err
		}
		var made struct {
			Secret string `json:"secret"`
		}
		if err := callAdmin(ctx, s.admin, http.MethodPost, "/auth/clients", string(body), &made); err != nil {
			return err
		}
		s.errands.secrets[id] = made.Secret
	}
	return nil
}

// prepare makes the rows, and has each do for a while what it is measured for.
func (b *providerBench) prepare(ctx context.Context) error {
	b.note("warming up")
	few := b.servers[0]
	for i, documents := range []struct{ plain, name, path string }{
		{plainDiscovery, discoveryName, discoveryPath}, {plainJWKS, jwksName, jwksPath},
	} {
		if err := b.requests(ctx, b.plain[i], "", documents.plain, get(b.plain[i].addr, "/")); err != nil {
			return err
		}
		if err := b.requests(ctx, few.caddy, "", documents.name, get(few.caddy.addr, documents.path)); err != nil {
			return err
		}
	}
	for _, s := range b.servers {
		if err := b.prepareServer(ctx, s); err != nil {
			return err
		}
	}
	b.rows = append(b.rows, bareSignature(few.caddy))
	hash, err := b.drive(ctx, few.caddy, few.hash, hashName, get(few.hash, "/"))
	if err != nil {
		return err
	}
	b.logins.rows = append(b.logins.rows, hash)
	for _, r := range b.all() {
		if _, err := r.drive(ctx, b.each); err != nil {
			return fmt.Errorf("%s, %s: %w", r.caddy.name, r.name, err)
		}
	}
	return nil
}

// all are the rows of both contests.
func (b *providerBench) all() []*row { return slices.Concat(b.rows, b.logins.rows) }

// signIn lets those that take a password compete. What was written before is moved
// from the store's log to its file until then: that is none of a login's cost.
func (b *providerBench) signIn(ctx context.Context) error {
	b.note("logins")
	if err := pause(ctx, afterWrites); err != nil {
		return err
	}
	return b.logins.compete(ctx)
}

// afterWrites is longer than the store leaves anything in its log.
const afterWrites = 6 * time.Second

func (b *providerBench) prepareServer(ctx context.Context, s *providerServer) error {
	e, front := s.errands, frontOf(s.errands.seed.users)
	for _, r := range []struct {
		name     string
		requests [][]byte
	}{
		{userinfoName, e.userinfo(clientES256)},
		{introspectName, e.introspect(clientES256)},
		{machineName, e.clientCredentials()},
	} {
		if err := b.requests(ctx, s.caddy, front, r.name, r.requests); err != nil {
			return err
		}
	}
	type job struct {
		name string
		do   errand
	}
	jobs := []job{
		{codesES256, e.redeem(clientES256)},
		{refreshES256, e.refresh(clientES256, b.conns)},
	}
	if s == b.servers[0] {
		jobs = append(jobs, job{codesRS256, e.redeem(clientRS256)}, job{refreshRS256, e.refresh(clientRS256, b.conns)})
	}
	for _, j := range jobs {
		r, err := b.errand(ctx, s.caddy, front, j.name, j.do)
		if err != nil {
			return err
		}
		b.rows = append(b.rows, r)
	}
	r, err := b.errand(ctx, s.caddy, front, loginName, e.login(clientRS256))
	b.logins.rows = append(b.logins.rows, r)
	return err
}

func frontOf(users int) string { return fmt.Sprintf("%d users", users) }

func get(addr, path string) [][]byte { return [][]byte{request(addr, path, "")} }

// requests adds a row of requests that do not change.
func (b *providerBench) requests(ctx context.Context, p *process, front, name string, requests [][]byte) error {
	r, err := b.drive(ctx, p, p.addr, name, requests)
	if err != nil {
		return err
	}
	r.front = front
	b.rows = append(b.rows, r)
	return nil
}

// drive makes one, of a Caddy at one of its addresses.
func (b *providerBench) drive(ctx context.Context, p *process, addr, name string, requests [][]byte) (*row, error) {
	l, err := dialLoad(ctx, addr, b.conns, 200, requests)
	if err != nil {
		return nil, err
	}
	b.loads = append(b.loads, l)
	return &row{name: name, caddy: p, drive: l.run}, nil
}

// errand is a row of what takes more than that.
func (b *providerBench) errand(ctx context.Context, p *process, front, name string, do errand) (*row, error) {
	l, err := dialLoad(ctx, p.addr, b.conns, 0, nil)
	if err != nil {
		return nil, err
	}
	b.loads = append(b.loads, l)
	return &row{front: front, name: name, caddy: p, drive: func(ctx context.Context, d time.Duration) (*slice, error) {
		return l.repeat(ctx, d, do)
	}}, nil
}

// bareSignature is a row of what a server does without being asked by HTTP.
func bareSignature(p *process) *row {
	return &row{name: signName, caddy: p, drive: func(_ context.Context, d time.Duration) (*slice, error) {
		begun := time.Now()
		u, err := p.ask(fmt.Sprint(opSign, " ", d))
		return &slice{requests: u.Done, elapsed: time.Since(begun)}, err
	}}
}
