package gate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
)

// issuerLimit is of one answer of the issuer. Bytes.
const issuerLimit = 1 << 20

// issuerTransport is how requests go to the issuer. It ends answers that are too
// long, and asks once more where the connection was closed without an answer: a
// Caddy that reloads does so to those that wait at its old listener. Asking twice
// harms nothing: of whatever can be had once, an issuer that already gave it
// refuses the second (RFC 6749 section 4.1.2), and the person signs in anew, as
// they would have had to anyway.
type issuerTransport struct{ http.RoundTripper }

func (t issuerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	// Of kept connections net/http itself knows better which were closed. This
	// says that it may ask again, and is not sent.
	r = r.Clone(r.Context())
	r.Header["Idempotency-Key"] = []string{}
	resp, err := t.RoundTripper.RoundTrip(r)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
		if r.GetBody != nil {
			body, bodyErr := r.GetBody()
			if bodyErr != nil {
				return nil, fmt.Errorf("asking once more: %w", bodyErr)
			}
			r.Body = body
		}
		resp, err = t.RoundTripper.RoundTrip(r)
	}
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, issuerLimit)
	}
	return resp, err
}
