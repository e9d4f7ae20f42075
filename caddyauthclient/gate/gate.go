package gate

import (
	"crypto/cipher"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// Gate stands in front of an app. Its methods are safe for concurrent use.
type Gate struct {
	*Front
	cfg     Config
	log     *slog.Logger
	pages   *webpage.Renderer
	origins []origin
	policy  *policy

	sessions *cache[store.Hash, *session]
	fast     *fastSessions
	people   *cache[store.Hash, *Identity] // by the hash of the subject
	// objects moves when an object of the mirror changes.
	objects atomic.Uint64
	shapes  shapes
	// decisive are the fields that a rule or a header names.
	decisive fieldNames
	touches  *touches
	passages *passages
	endings  *endings

	seal    cipher.AEAD
	purpose []byte // of what is sealed
	spent   *spent
	issuer  *discovery

	hostWarned    atomic.Int64 // when an unknown host was last warned of
	partialWarned atomic.Bool  // that there are identities that do not hold all values

	heard heard
	// directory is nil where there is none.
	directory *directory
	meter     meter
	receiver  *usersync.Receiver
	stopPull  func() // nil before StartSync

	closed    atomic.Bool
	stopWatch func()
}

// New makes a gate. It uses no network and writes nothing.
func New(c Config) (*Gate, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	origins, err := newOrigins(&c)
	if err != nil {
		return nil, err
	}
	policy, err := newPolicy(&c)
	if err != nil {
		return nil, err
	}
	directory, err := newDirectory(&c)
	if err != nil {
		return nil, err
	}
	pages, err := webpage.New(c.Brand)
	if err != nil {
		return nil, err
	}
	g := &Gate{
		cfg:       c,
		log:       c.Logger,
		pages:     pages,
		origins:   origins,
		policy:    policy,
		directory: directory,
		Front:     NewFront(c.Headers, c.Prefix, c.Authorization, c.Directory),
		people:    newCache[store.Hash, *Identity](c.CacheSize, nil),
		shapes:    shapes{headers: c.Headers},
		decisive:  decisiveFields(&c),
		touches:   newTouches(&c),
		seal:      newSeal(c.Key),
		purpose:   sealPurpose(c.Name),
		spent:     newSpent(),
	}
	g.fast = newFastSessions()
	g.sessions = newCache(c.CacheSize, g.fast.left)
	g.issuer = newDiscovery(&g.cfg, origins)
	g.passages = newPassages(g)
	g.endings = newEndings(g)
	g.receiver = g.newReceiver()
	g.stopWatch = c.Store.Watch(g.follow)
	return g, nil
}

// Close writes what is still to be written, revokes what is still to be revoked and
// lets go of the store. Requests
// may still be under way, as in a reload: they are decided by the store itself
// and refused once that is closed, and a sign-in goes on to its end.
func (g *Gate) Close() {
	if g.closed.Swap(true) {
		return
	}
	if g.stopPull != nil {
		g.stopPull()
	}
	g.stopWatch()
	g.endings.close()
	g.touches.close()
	g.sessions.dropAll()
	g.people.dropAll()
}

// Decide says what is to become of a request. It uses no network and writes
// nothing to disk; what it reads it mostly has in memory. CleanHeaders must
// have been called.
func (g *Gate) Decide(r *http.Request) Decision {
	o := g.originOf(r)
	if o == nil {
		g.meter.decided(BadRequest)
		return Decision{Verdict: BadRequest, reason: reasonHost}
	}
	d := g.decide(r, o)
	d.origin = o
	if d.Verdict != Pass || d.Identity == nil { // else Begin counts it
		g.meter.decided(d.Verdict)
	}
	return d
}

func (g *Gate) decide(r *http.Request, o *origin) Decision {
	if g.ownPath(r.URL) != "" {
		return Decision{Verdict: Own}
	}
	asked := r.URL
	if g.policy.byPath() {
		// An app may go by what the person asked for, even where that was
		// rewritten in front (FastCGI: REQUEST_URI); so both count.
		asked = g.cfg.OriginalURL(r)
	}
	public := g.policy.isPublic(r.URL) && (asked == r.URL || g.policy.isPublic(asked))
	if isPreflight(r) {
		// A browser sends it without asking anyone and without credentials
		// (Fetch standard, CORS-preflight fetch); no cookie that is on it counts.
		if public {
			return Decision{Verdict: Pass}
		}
		return Decision{Verdict: Unauthorized}
	}
	if isUpgrade(r) && !g.upgradeFromHere(r) {
		// Cookies go with a WebSocket from any page (RFC 6455 section 10.2).
		if public {
			return Decision{Verdict: Pass}
		}
		return Decision{Verdict: Forbidden, reason: reasonOrigin}
	}
	if g.cfg.Pending && !public {
		return Decision{Verdict: Unavailable, reason: reasonPending}
	}
	hash, id, err := g.identify(r, o)
	if err == nil && id != nil && g.outdated() {
		id, err = nil, errOutdated
	}
	switch {
	case public:
		if err != nil && err != errOutdated {
			g.log.Error("cannot read the session; the visitor of a public path is taken for a stranger", "error", err)
		}
		return Decision{Verdict: Pass, Identity: id, session: hash, public: true, asked: asked}
	case err == errOutdated:
		return Decision{Verdict: Unavailable, reason: reasonOutdated}
	case err != nil:
		if r.Context().Err() == nil {
			g.log.Error("cannot read the session; the request is refused", "error", err)
		}
		return Decision{Verdict: Unavailable, reason: reasonStore}
	case id == nil && isPageLoad(r):
		return Decision{Verdict: Login}
	case id == nil:
		return Decision{Verdict: Unauthorized}
	case !g.policy.permits(*id.verdicts, r.URL) || asked != r.URL && !g.policy.permits(*id.verdicts, asked):
		return Decision{Verdict: Forbidden, Identity: id, reason: reasonRules}
	}
	return Decision{Verdict: Pass, Identity: id, session: hash, asked: asked}
}

func sum(b []byte) store.Hash { return sha256.Sum256(b) }
