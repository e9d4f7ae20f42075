package enrol

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

const (
	timeout = 15 * time.Second
	// answerLimit is of one answer of the server. Bytes.
	answerLimit = 256 << 10
)

// register spends the token (RFC 7591 section 3).
func (e *Enroller) register(ctx context.Context) (*Registration, error) {
	endpoint, err := e.endpoint(ctx)
	if err != nil {
		return nil, err
	}
	// Begun, it is brought to an end, also while Caddy stops or reloads: the token is
	// spent by it.
	status, body, err := e.send(context.WithoutCancel(ctx), http.MethodPost, endpoint, e.Token, e.Metadata)
	if err != nil {
		return nil, fmt.Errorf("registering at %s: %w", endpoint, err)
	}
	if status != http.StatusCreated && status != http.StatusOK {
		return nil, refused(status, body, "the token of the option enroll is used, expired or of another server; make another where the server runs (caddy auth registration create) and put it in its place")
	}
	r := new(Registration)
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("the server's answer to the registration is not JSON: %w", err)
	}
	if err := store.CheckClientID(r.ClientID); err != nil {
		return nil, fmt.Errorf("the server's answer to the registration: %w", err)
	}
	if r.ClientSecret == "" {
		return nil, errors.New("the server's answer to the registration has no client_secret")
	}
	if r.URI != "" {
		if err := e.checkURL("registration_client_uri", r.URI); err != nil {
			return nil, err
		}
	}
	r.Registered = e.Metadata
	return r, nil
}

// update replaces what the server was told (RFC 7592 section 2.2).
func (e *Enroller) update(ctx context.Context, r *Registration) (*Registration, error) {
	return e.atClientURI(ctx, r, http.MethodPut, struct {
		ClientID string `json:"client_id"`
		Metadata
	}{r.ClientID, e.Metadata})
}

// check asks whether the server knows the client (RFC 7592 section 2.1).
func (e *Enroller) check(ctx context.Context, r *Registration) (*Registration, error) {
	return e.atClientURI(ctx, r, http.MethodGet, nil)
}

// errForgotten says that the server does not know the client any more.
var errForgotten = errors.New("the server does not know this gate any more: its client was deleted or disabled there; to enrol anew, make a token where the server runs (caddy auth registration create) and put it in place of the one after enroll")

// atClientURI sends a request about the client, and returns r with what is new: the
// server may rotate the secret and the token (RFC 7592 section 2.1).
func (e *Enroller) atClientURI(ctx context.Context, r *Registration, method string, body any) (*Registration, error) {
	status, answer, err := e.send(ctx, method, r.URI, r.Token, body)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, errForgotten
	case status != http.StatusOK:
		return nil, refused(status, answer, "")
	}
	var now Registration
	if err := json.Unmarshal(answer, &now); err != nil {
		return nil, fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	renewed := *r
	renewed.ClientSecret = cmp.Or(now.ClientSecret, r.ClientSecret)
	renewed.Token = cmp.Or(now.Token, r.Token)
	if body != nil {
		renewed.Registered = e.Metadata
	}
	return &renewed, nil
}

// endpoint finds where to register, in the server's metadata (RFC 8414 section 2).
func (e *Enroller) endpoint(ctx context.Context) (string, error) {
	at := strings.TrimRight(e.Issuer, "/") + "/.well-known/openid-configuration"
	status, body, err := e.send(ctx, http.MethodGet, at, "", nil)
	if err != nil {
		return "", fmt.Errorf("reading the metadata of %s: %w", e.Issuer, err)
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("reading the metadata of %s: it answered %d; check that it is the address of an auth_server", e.Issuer, status)
	}
	var m struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"registration_endpoint"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", fmt.Errorf("reading the metadata of %s: %w", e.Issuer, err)
	}
	if m.Issuer != e.Issuer {
		return "", fmt.Errorf("the server calls itself %.200q, not %s; configure exactly that, also as to the slash at the end", m.Issuer, e.Issuer)
	}
	if m.Endpoint == "" {
		return "", errors.New("the server takes no registrations; add the option dynamic_registration to its auth_server, or register the gate there by hand (caddy auth client create)")
	}
	return m.Endpoint, e.checkURL("registration_endpoint", m.Endpoint)
}

// checkURL refuses to show a token in the clear where the issuer itself is
// encrypted.
func (e *Enroller) checkURL(name, address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s of the server: %.200q is not an https URL", name, address)
	case u.Scheme == "http" && strings.HasPrefix(e.Issuer, "https:"):
		return fmt.Errorf("%s of the server: %.200q is not encrypted although the issuer is", name, address)
	}
	return nil
}

// send sends JSON, if there is a body, with a bearer token, if there is one.
func (e *Enroller) send(ctx context.Context, method, address, token string, body any) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Accept", "application/json")
	client := &http.Client{
		Transport: e.Transport,
		// A redirect would carry the token to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	return resp.StatusCode, answer, err
}

// refused is what the server said is wrong (RFC 7591 section 3.2.2), and what to do
// if it does not take the token.
func refused(status int, body []byte, noToken string) error {
	if status == http.StatusUnauthorized && noToken != "" {
		return errors.New(noToken)
	}
	var e struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &e) // anything else than JSON has no code
	if e.Code == "" {
		return fmt.Errorf("the server answered %d %s", status, http.StatusText(status))
	}
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, e.Code+": "+e.Description)
	return fmt.Errorf("the server answered %d: %.400s", status, text)
}
