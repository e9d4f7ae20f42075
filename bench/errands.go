package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

// errands makes what clients and browsers do at a provider.
type errands struct {
	addr    string
	secrets map[string]string // of the clients
	seed    *providerSeed
}

// head begins a request with a form of that length, by a client.
func (e *errands) head(path, client string, length int) []byte {
	basic := base64.StdEncoding.EncodeToString([]byte(client + ":" + e.secrets[client]))
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n",
		path, e.addr, basic, length)
}

// secretLen is how long codes and tokens are.
const secretLen = 43

// tokenRequest is a token request around a code or refresh token.
func (e *errands) tokenRequest(client, before, after string) (head, tail []byte) {
	return append(e.head("/o/token", client, len(before)+secretLen+len(after)), before...), []byte(after)
}

func (e *errands) codeRequest(client string) (head, tail []byte) {
	return e.tokenRequest(client, "grant_type=authorization_code&code=", "&redirect_uri="+url.QueryEscape(redirectURI)+"&code_verifier="+verifier)
}

// redeem redeems the next code of a client.
func (e *errands) redeem(client string) errand {
	head, tail := e.codeRequest(client)
	codes := e.seed.by[client].codes
	var next atomic.Int64
	return func(c *loadConn) error {
		n := next.Add(1) - 1
		if n >= int64(len(codes)) {
			return fmt.Errorf("all %d codes that were made for this run are spent; this machine is quicker than was foreseen: make the turns shorter", len(codes))
		}
		_, _, err := c.ask(200, head, []byte(codes[n]), tail)
		return err
	}
}

// refresh refreshes one of the refresh tokens that are this connection's.
func (e *errands) refresh(client string, conns int) errand {
	head, tail := e.tokenRequest(client, "grant_type=refresh_token&refresh_token=", "")
	tokens := e.seed.by[client].refresh
	return func(c *loadConn) error {
		mine := c.number + conns*c.random.IntN(len(tokens)/conns)
		_, body, err := c.ask(200, head, []byte(tokens[mine]), tail)
		if err != nil {
			return err
		}
		if tokens[mine] = field(body, `"refresh_token":"`, `"`); len(tokens[mine]) != secretLen {
			return fmt.Errorf("no refresh token in %s", body)
		}
		return nil
	}
}

// clientCredentials, userinfo and introspect are requests that do not change.

func (e *errands) clientCredentials() [][]byte {
	const form = "grant_type=client_credentials"
	return [][]byte{append(e.head("/o/token", clientMachine, len(form)), form...)}
}

func (e *errands) userinfo(client string) (requests [][]byte) {
	for _, access := range e.seed.by[client].access {
		requests = append(requests, fmt.Appendf(nil, "GET /o/userinfo HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", e.addr, access))
	}
	return requests
}

func (e *errands) introspect(client string) (requests [][]byte) {
	for _, access := range e.seed.by[client].access {
		form := "token=" + access
		requests = append(requests, append(e.head("/o/introspect", client, len(form)), form...))
	}
	return requests
}

// login signs somebody in at a client, in a browser that was never there: the
// client sends it to authorize, which sends it to the login page, and so on until
// there are tokens.
func (e *errands) login(client string) errand {
	head, tail := e.codeRequest(client)
	query := url.Values{
		"client_id": {client}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid profile email"},
		"state": {"a-state"}, "nonce": {"a-nonce"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}.Encode()
	return func(c *loadConn) error {
		b := browser{conn: c, addr: e.addr}
		page, err := b.follow("http://" + e.addr + "/o/authorize?" + query)
		if err != nil {
			return err
		}
		location, err := b.post("/o/login", url.Values{
			"csrf": {hidden(page, "csrf")}, "continue": {hidden(page, "continue")},
			"username": {username(c.random.IntN(e.seed.users))}, "password": {userPassword},
		})
		if err != nil {
			return err
		}
		if location, err = b.get(303, location); err != nil {
			return err
		}
		code := field([]byte(location), redirectURI+"?code=", "&")
		if len(code) != secretLen {
			return fmt.Errorf("no code but a way to %s", location)
		}
		_, body, err := c.ask(200, head, []byte(code), tail)
		if err == nil && !bytes.Contains(body, []byte(`"id_token":"`)) {
			err = fmt.Errorf("no ID token in %s", body)
		}
		return err
	}
}

// browser keeps cookies.
type browser struct {
	conn    *loadConn
	addr    string
	from    string // X-Forwarded-For; "" for none
	cookies []string
	body    []byte // of the last answer
}

// get opens a page, and says where it leads.
func (b *browser) get(status int, address string) (location string, err error) {
	return b.ask(status, "GET", strings.TrimPrefix(address, "http://"+b.addr), "")
}

// follow opens a page that leads to another, and returns that one.
func (b *browser) follow(address string) (page []byte, err error) {
	location, err := b.get(303, address)
	if err == nil {
		_, err = b.get(200, location)
	}
	return b.body, err
}

func (b *browser) post(path string, form url.Values) (location string, err error) {
	return b.ask(303, "POST", path, form.Encode())
}

// submit is post for whatever status comes.
func (b *browser) submit(path string, form url.Values) (status int, err error) {
	status, _, _, err = b.conn.askAny(b.request("POST", path, form.Encode()))
	return status, err
}

func (b *browser) ask(status int, method, path, form string) (location string, err error) {
	answer, body, err := b.conn.ask(status, b.request(method, path, form))
	b.body = body
	for line := range bytes.Lines(answer) {
		switch name, value, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), ": "); name {
		case "Location":
			location = value
		case "Set-Cookie":
			cookie, _, _ := strings.Cut(value, ";")
			b.cookies = append(b.cookies, cookie)
		}
	}
	return location, err
}

func (b *browser) request(method, path, form string) []byte {
	head := method + " " + path + " HTTP/1.1\r\nHost: " + b.addr + "\r\n"
	if form != "" {
		head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n"
	}
	if b.from != "" {
		head += "X-Forwarded-For: " + b.from + "\r\n"
	}
	if len(b.cookies) > 0 {
		head += "Cookie: " + strings.Join(b.cookies, "; ") + "\r\n"
	}
	return []byte(head + "\r\n" + form)
}

// hidden is the value of a hidden field of a page.
func hidden(page []byte, name string) string {
	return html.UnescapeString(field(page, `name="`+name+`" value="`, `"`))
}

// field is what stands between two texts, "" if they are not there.
func field(text []byte, before, after string) string {
	_, rest, _ := bytes.Cut(text, []byte(before))
	value, _, found := bytes.Cut(rest, []byte(after))
	if !found {
		return ""
	}
	return string(value)
}
