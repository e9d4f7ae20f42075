package gate

import (
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// managed are the identity headers, compiled for the check of every header of
// every request.
type managed struct {
	names   []string // folded
	lengths lengths
	fields  []Header // those that are set; names canonical
}

// lengths are those of a few names, to tell most others from them at a look: bit n is
// for n bytes.
type lengths uint64

func (l *lengths) add(name string) { *l |= 1 << len(name) }

func (l lengths) has(name string) bool { return len(name) <= 63 && l&(1<<len(name)) != 0 }

// newManaged has the names of the default headers, too, where others take their
// place or there are none: an app may still believe what it reads there.
func newManaged(headers []Header) managed {
	var m managed
	for _, h := range headers {
		m.fields = append(m.fields, Header{textproto.CanonicalMIMEHeaderKey(h.Name), h.Field})
	}
	for _, h := range slices.Concat(headers, DefaultHeaders()) {
		if name := foldHeader(h.Name); !slices.Contains(m.names, name) {
			m.names = append(m.names, name)
			m.lengths.add(name)
		}
	}
	return m
}

// has says whether name is that of an identity header, or would be taken for it
// by software that reads "_", "." or "~" as "-".
func (m *managed) has(name string) bool {
	if !m.lengths.has(name) {
		return false
	}
next:
	for _, want := range m.names {
		if len(want) != len(name) {
			continue
		}
		for i := range len(name) {
			c := name[i]
			switch {
			case c >= 'A' && c <= 'Z':
				c += 'a' - 'A'
			case !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9'):
				c = '-'
			}
			if c != want[i] {
				continue next
			}
		}
		return true
	}
	return false
}

// cleanConnection keeps a client from naming an identity header in Connection:
// a proxy would take it for hop-by-hop and drop it after the gate had set it
// (RFC 9110 section 7.6.1).
func (m *managed) cleanConnection(h http.Header) {
	for i, line := range h["Connection"] {
		if m.inList(line) {
			var kept []string
			for token := range strings.SplitSeq(line, ",") {
				if token = textproto.TrimString(token); token != "" && !m.has(token) {
					kept = append(kept, token)
				}
			}
			h["Connection"][i] = strings.Join(kept, ", ")
		}
	}
}

func (m *managed) inList(line string) bool {
	for len(line) > 0 {
		var token string
		token, line, _ = strings.Cut(line, ",")
		if m.has(textproto.TrimString(token)) {
			return true
		}
	}
	return false
}

// cleanTrailer does the same for trailers: now for those announced, and, as
// net/http adds the others when the body has been read, then once more.
func (m *managed) cleanTrailer(r *http.Request) {
	chunked := r.ContentLength < 0 && r.ProtoMajor == 1
	if r.Trailer == nil && !chunked || r.Body == nil || r.Body == http.NoBody {
		return
	}
	m.cleanTrailerNow(r)
	r.Body = &trailerBody{r.Body, m, r}
}

func (m *managed) cleanTrailerNow(r *http.Request) {
	for name := range r.Trailer {
		if m.has(name) {
			delete(r.Trailer, name)
		}
	}
}

type trailerBody struct {
	io.ReadCloser
	managed *managed
	r       *http.Request
}

func (b *trailerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.managed.cleanTrailerNow(b.r)
	}
	return n, err
}

// Apply makes r, which d is about, ready for the app: it sets the identity
// headers of who sent it (none for a stranger on a public path) and takes the
// cookies of gates and servers away. CleanHeaders must have been called. For a
// request that nobody decided about, d is one with no more than an Identity, or
// none. It says whether it took cookies that are not this gate's own. What
// r.Header["Cookie"] was has not changed, and can be given to another gate.
func (g *Gate) Apply(r *http.Request, d Decision) (othersCookies bool) {
	id, o := d.Identity, d.origin
	if o == nil {
		o = g.originOf(r)
	}
	others := removeCookies(r.Header, o)
	if id == nil || len(id.shape.headers) == 0 {
		return others
	}
	// One array for all values, but no two slices share room: whoever appends
	// to or changes one touches no other, nor the identity.
	values := d.room
	if n := len(id.shape.headers); n <= len(values) {
		values = values[:n]
	} else {
		values = make([]string, n)
	}
	for i, at := range id.shape.headers {
		if at < 0 {
			continue
		}
		if values[i] = id.values.at(at); values[i] != "" {
			r.Header[g.managed.fields[i].Name] = values[i : i+1 : i+1]
		}
	}
	return others
}
