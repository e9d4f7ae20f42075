package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// message shows a page to a person, or a problem document to a program.
func (p *Provider) message(w http.ResponseWriter, r *http.Request, status int, m webpage.Message) {
	p.messages.Message(w, r, status, m)
}

// unavailable answers a person when something of ours failed. What failed goes
// to the log alone.
func (p *Provider) unavailable(w http.ResponseWriter, r *http.Request, doing string, err error) {
	p.logFailure(r, doing, err)
	w.Header().Set("Retry-After", "5")
	p.message(w, r, http.StatusServiceUnavailable, webpage.Message{
		Title: lang.T("Not available right now"),
		Text:  lang.T("Something went wrong on our side. Please try again in a moment."),
	})
}

func (p *Provider) logFailure(r *http.Request, doing string, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the asker left
	}
	p.Logger.Error("request failed", "doing", doing, "path", r.URL.Path, "error", err)
}

// writeJSON answers a program.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b := encodeJSON(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

func encodeJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only for types that are not JSON
	}
	return b
}

// oauthError is an answer of RFC 6749 section 5.2.
type oauthError struct {
	status      int // default 400
	code        string
	description string // printable ASCII without " and \
	challenge   string // WWW-Authenticate
}

func (e *oauthError) Error() string { return e.code + ": " + e.description }

func (p *Provider) oauthError(w http.ResponseWriter, e *oauthError) {
	if e.challenge != "" {
		w.Header().Set("WWW-Authenticate", e.challenge)
	}
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	body := map[string]string{"error": e.code}
	if e.description != "" {
		body["error_description"] = e.description
	}
	writeJSON(w, status, body)
}

// oauthFailure answers a program with err, if it is an oauthError; anything
// else is ours and goes to the log.
func (p *Provider) oauthFailure(w http.ResponseWriter, r *http.Request, doing string, err error) {
	if e, ok := errors.AsType[*oauthError](err); ok {
		p.oauthError(w, e)
		return
	}
	if many, ok := errors.AsType[*tooManyError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(many.seconds()))
		p.oauthError(w, &oauthError{status: http.StatusTooManyRequests, code: "slow_down", description: "too many requests; try again later"})
		return
	}
	p.logFailure(r, doing, err)
	w.Header().Set("Retry-After", "5")
	p.oauthError(w, &oauthError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable"})
}
