package gate

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// This file is a Passage as the way of an app's answer to a signed-in person: whatever
// the app says of caches, none that others share may keep it. An app that knows nothing
// of the gate has good reason to call its pages public.

// WriteHeader implements http.ResponseWriter. Informational answers come before the one
// that counts.
func (p *Passage) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		p.Finish()
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (p *Passage) Write(b []byte) (int, error) {
	p.Finish()
	return p.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom, so that files still go straight to the connection.
func (p *Passage) ReadFrom(r io.Reader) (int64, error) {
	p.Finish()
	return io.Copy(p.ResponseWriter, r)
}

// FlushError is what http.ResponseController looks for: to flush sends the header.
func (p *Passage) FlushError() error {
	p.Finish()
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (p *Passage) Flush() { _ = p.FlushError() } // as Flush of net/http has no error

// Unwrap is for http.ResponseController.
func (p *Passage) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Finish has the header say private, and that another's cookie gets another answer,
// unless it did already.
func (p *Passage) Finish() {
	if p.said {
		return
	}
	p.said = true
	h := p.Header()
	var caching, varying []string
	for name, values := range h {
		switch {
		case name == "Cache-Control":
			caching = values
		case name == "Vary":
			varying = values
		case isSharedOnly(name):
			delete(h, name)
		}
	}
	p.values = [...]string{"private", "Cookie"}
	if len(caching) > 0 {
		p.values[0] = privately(caching)
	}
	h["Cache-Control"] = p.values[:1:1]
	if len(varying) == 0 {
		h["Vary"] = p.values[1:]
	} else if !slices.ContainsFunc(varying, variesByCookie) {
		h["Vary"] = append(slices.Clip(varying), "Cookie")
	}
}

// variesByCookie says whether a Vary has Cookie in it, or "*" (RFC 9110 section 12.5.5).
func variesByCookie(line string) bool {
	for name := range strings.SplitSeq(line, ",") {
		if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
			return true
		}
	}
	return false
}

// isSharedOnly says whether name is one of sharedOnly. It is asked of every header of
// every answer, so most are told apart by their length.
func isSharedOnly(name string) bool {
	return sharedOnlyLengths.has(name) && slices.Contains(sharedOnly[:], name)
}

// sharedOnly are headers by which an app speaks to shared caches alone, over the head of
// Cache-Control (RFC 9213, and what there was before it).
var sharedOnly = [...]string{
	"Cdn-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Netlify-Cdn-Cache-Control", "Vercel-Cdn-Cache-Control",
	"Surrogate-Control", "Edge-Control", "X-Accel-Expires",
}

var sharedOnlyLengths = func() (l lengths) {
	for _, name := range sharedOnly {
		l.add(name)
	}
	return l
}()

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
