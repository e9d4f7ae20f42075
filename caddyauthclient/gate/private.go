package gate

import (
	"io"
	"net/http"
	"strings"
)

// Private is the way of an app's answer to a signed-in person: whatever the app says of
// caches, none that others share may keep it. An app that knows nothing of the gate has
// good reason to call its pages public.
type Private struct {
	http.ResponseWriter
	said bool // the header went out, or is about to
}

// Private begins such an answer. It is to be called before the app writes, and Finish
// when the app is done.
func (g *Gate) Private(w http.ResponseWriter) *Private {
	h := w.Header()
	values := [...]string{"private", "Cookie"}
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = values[0:1:1]
	} else {
		h["Cache-Control"] = append(h["Cache-Control"], values[0])
	}
	if len(h["Vary"]) == 0 {
		h["Vary"] = values[1:2:2]
	} else {
		h["Vary"] = append(h["Vary"], values[1])
	}
	return &Private{ResponseWriter: w}
}

// WriteHeader implements http.ResponseWriter. Informational answers come before the one
// that counts.
func (p *Private) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		p.Finish()
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (p *Private) Write(b []byte) (int, error) {
	p.Finish()
	return p.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom, so that files still go straight to the connection.
func (p *Private) ReadFrom(r io.Reader) (int64, error) {
	p.Finish()
	return io.Copy(p.ResponseWriter, r)
}

// FlushError is what http.ResponseController looks for: to flush sends the header.
func (p *Private) FlushError() error {
	p.Finish()
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (p *Private) Flush() { _ = p.FlushError() } // as Flush of net/http has no error

// Unwrap is for http.ResponseController.
func (p *Private) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Finish has the header say private, unless it did already.
func (p *Private) Finish() {
	if p.said {
		return
	}
	p.said = true
	h := p.Header()
	if v := h["Cache-Control"]; len(v) != 1 || v[0] != "private" {
		h["Cache-Control"] = []string{privately(v)}
	}
	for _, name := range sharedOnly {
		delete(h, name)
	}
}

// sharedOnly are headers by which an app speaks to shared caches alone, over the head of
// Cache-Control (RFC 9213, and what there was before it).
var sharedOnly = [...]string{
	"Cdn-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Netlify-Cdn-Cache-Control", "Vercel-Cdn-Cache-Control",
	"Surrogate-Control", "Edge-Control", "X-Accel-Expires",
}

// privately is a Cache-Control without what lets shared caches keep the answer, or parts
// of it: private="Set-Cookie" means all but that field (RFC 9111 section 5.2.2).
func privately(values []string) string {
	kept := []string{"private"}
	for _, d := range directives(strings.Join(values, ",")) {
		name, _, _ := strings.Cut(d, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "", "private", "public", "s-maxage":
		default:
			kept = append(kept, d)
		}
	}
	return strings.Join(kept, ", ")
}

// directives splits at the commas that are not within quotes.
func directives(s string) (list []string) {
	begin, quoted, escaped := 0, false, false
	for i := range len(s) {
		switch c := s[i]; {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			list = append(list, strings.TrimSpace(s[begin:i]))
			begin = i + 1
		}
	}
	return append(list, strings.TrimSpace(s[begin:]))
}
