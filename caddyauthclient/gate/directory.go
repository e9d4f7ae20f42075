package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/ownprefix"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// Directory lets the app behind the gate read the mirror, so that people exist
// in it before they first sign in:
//
//	GET <path>                       users
//	GET <path>/<id>                  one of them
//	GET <path>/objects/<type>        objects
//	GET <path>/objects/<type>/<id>   one of them
//
// It is for programs that connect directly from one of the networks. Everyone
// else finds nothing there.
type Directory struct {
	// Path of the directory; nothing below it gets to the app. Default: /users
	// below the gate's prefix.
	Path string `json:"path,omitempty"`
	// Allow are the networks (127.0.0.1/8, ::1) from which it can be read: both
	// the address of the connection and, with trusted_proxies, that of the
	// client. A request that a proxy passed on is refused whatever it says.
	Allow []string `json:"allow,omitempty"`
	// Token, if there is one, must come with each request as a bearer token. At
	// least 32 characters; placeholders are replaced at start.
	Token string `json:"token,omitempty"`
}

const minDirectoryToken = 32

// DirectoryPath is where the directory is, at a gate of that prefix.
func (d *Directory) DirectoryPath(prefix string) string {
	if d.Path != "" {
		return d.Path
	}
	return cmp.Or(prefix, DefaultPrefix) + "/users"
}

// Check says what is wrong with d, at a gate of that prefix.
func (d *Directory) Check(prefix string) error {
	path := d.DirectoryPath(prefix)
	if err := ownprefix.Check(path); err != nil {
		return fmt.Errorf("directory: path %s: must be a path as in /oidc/users, of letters, digits and - . _ ~", path)
	}
	prefix = cmp.Or(prefix, DefaultPrefix)
	for _, own := range ownNames {
		if p := prefix + "/" + own; p == path || strings.HasPrefix(p, path+"/") {
			return fmt.Errorf("directory: path %s: the gate's own %s lies there; choose another, as in %s/users", path, p, prefix)
		}
	}
	if len(d.Allow) == 0 {
		return errors.New("directory: says nobody may read it; name the app's address, as in: allow 127.0.0.1/8 ::1")
	}
	for _, s := range d.Allow {
		network, err := parseNetwork(s)
		if err != nil {
			return err
		}
		if network.Bits() == 0 && d.Token == "" {
			return fmt.Errorf("directory: allow %s is the whole world; give a token, or name the app's address", s)
		}
	}
	return nil
}

// CheckToken says what is wrong with the token, when it is known.
func (d *Directory) CheckToken() error {
	if d.Token != "" && len(d.Token) < minDirectoryToken {
		return fmt.Errorf("directory: a token has at least %d characters; make one, as with: openssl rand -hex 32", minDirectoryToken)
	}
	return nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("directory: allow %s: not an address or a network as in 127.0.0.1/8", s)
	}
	return network.Masked(), nil
}

// directory is a Directory, compiled.
type directory struct {
	path  string
	allow []netip.Prefix
	token *[sha256.Size]byte // its hash; nil for none
}

func newDirectory(c *Config) (*directory, error) {
	if c.Directory == nil {
		return nil, nil
	}
	if err := c.Directory.Check(c.Prefix); err != nil {
		return nil, err
	}
	if err := c.Directory.CheckToken(); err != nil {
		return nil, err
	}
	d := &directory{path: c.Directory.DirectoryPath(c.Prefix)}
	for _, s := range c.Directory.Allow {
		network, err := parseNetwork(s)
		if err != nil {
			return nil, err
		}
		d.allow = append(d.allow, network)
	}
	if c.Directory.Token != "" {
		hash := sha256.Sum256([]byte(c.Directory.Token))
		d.token = &hash
	}
	return d, nil
}

// indirect are headers by which a request says that it comes from a browser, and
// maybe from a page of a stranger's, or that somebody passed it on: then the
// address of the connection says nothing about who asks.
var indirect = []string{
	"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest",
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via",
}

// admits says whether who sends r may read the directory. client is the address
// of the person, as trusted_proxies have it. That the host is the gate's own,
// which keeps out pages of a stranger's that rebind their name to this machine,
// was seen to before.
func (d *directory) admits(r *http.Request, client string) bool {
	for _, name := range indirect {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	if !d.within(peerAddress(r)) || !d.within(client) {
		return false
	}
	if d.token == nil {
		return true
	}
	list := r.Header["Authorization"]
	if len(list) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(list[0], " ")
	hash := sha256.Sum256([]byte(token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(hash[:], d.token[:]) == 1
}

func (d *directory) within(address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(d.allow, func(n netip.Prefix) bool { return n.Contains(addr) })
}

func (g *Gate) serveDirectory(w http.ResponseWriter, r *http.Request) {
	segments, ok := g.directory.segments(r.URL)
	if !ok || !g.directory.admits(r, g.cfg.ClientIP(r)) {
		g.notFound(w, r)
		return
	}
	if !allowMethods(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	typ, id := store.UserType, ""
	switch {
	case len(segments) == 1:
		id = segments[0]
	case len(segments) >= 2 && segments[0] == "objects" && isObjectType(segments[1]):
		typ = segments[1]
		if len(segments) == 3 {
			id = segments[2]
		}
	case len(segments) > 0:
		g.notFound(w, r)
		return
	}
	q, err := parseDirectoryQuery(r.URL.RawQuery, id != "")
	if err != nil {
		g.pages.Message(w, r, http.StatusBadRequest, webpage.Message{Title: lang.T("Bad request"), Detail: err.Error()})
		return
	}
	a, err := g.readDirectory(r.Context(), typ, id, q, r.Header["If-None-Match"])
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.notFound(w, r)
		return
	case errors.Is(err, errOtherFeed):
		g.pages.Message(w, r, http.StatusGone, webpage.Message{Title: lang.T("Gone"), Detail: err.Error()})
		return
	case err != nil:
		g.log.Error("cannot read the mirror; the directory is refused", "error", err)
		g.storeUnavailable(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.etag != "" {
		h.Set("ETag", a.etag)
	}
	if a.body == nil {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	w.Write(a.body)
}

// segments are what follows the path of the directory, decoded. It is false
// where the URL is written in a way that could be read otherwise.
func (d *directory) segments(u *url.URL) ([]string, bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), d.path)
	if rest = strings.TrimSuffix(rest, "/"); !ok || rest == "" {
		return nil, ok
	}
	var list []string
	for s := range strings.SplitSeq(rest[1:], "/") {
		s, err := url.PathUnescape(s)
		if err != nil || s == "" || len(list) == 3 {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

func isObjectType(s string) bool { return s != store.UserType && nameGrammar.MatchString(s) }

// directoryAnswer has no body where the asker has the current one.
type directoryAnswer struct {
	etag string
	body []byte
}

// feedName names what the numbers are of: a feed, as far as the gate is told of it.
// Told of other users or fields, it has changes that no number tells.
func feedName(s store.MirrorState) string {
	if s.View == "" {
		return s.FeedID
	}
	return s.FeedID + "." + s.View
}

var errOtherFeed = errors.New("the gate follows another feed than that now, or is told of other users or fields: read everything anew")

func (g *Gate) readDirectory(ctx context.Context, typ, id string, q *directoryQuery, known []string) (a directoryAnswer, err error) {
	err = g.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		state, err := tx.MirrorState(g.cfg.Name)
		if err != nil {
			return err
		}
		if q.feed != "" && q.feed != feedName(state) {
			return errOtherFeed
		}
		a.etag = g.directoryTag(state)
		if a.etag != "" && matchesTag(known, a.etag) {
			return nil
		}
		reader := &directoryReader{tx: tx, mirror: g.cfg.Name, state: state, objects: map[store.Ref]*store.Record{}}
		var v any
		if id != "" {
			v, err = reader.one(typ, id, q)
		} else {
			v, err = reader.page(typ, q, g.directory.path)
		}
		if err != nil {
			return err
		}
		if a.body, err = json.Marshal(v); err != nil {
			return fmt.Errorf("writing the directory: %w", err)
		}
		a.body = append(a.body, '\n')
		return nil
	})
	return a, err
}

// directoryTag is an entity tag that changes with the mirror, "" for one that
// has no versions to tell by.
func (g *Gate) directoryTag(s store.MirrorState) string {
	if s.FeedID == "" {
		return ""
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %x %s", s.FeedID, s.View, s.Seq, s.Digest[:], g.cfg.OnDelete))
	return `"` + hex.EncodeToString(hash[:12]) + `"`
}

// matchesTag compares with If-None-Match (RFC 9110 section 13.1.2).
func matchesTag(lines []string, tag string) bool {
	for _, line := range lines {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}
