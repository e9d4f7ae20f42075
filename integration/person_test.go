package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// person is somebody at a browser without JavaScript: a cookie jar, redirects
// followed, forms filled in.
type person struct {
	t      *testing.T
	client *http.Client
	url    *url.URL // of the page last seen
	status int
	header http.Header
	body   string
}

func newPerson(t *testing.T) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, client: &http.Client{Jar: jar, Timeout: time.Minute}}
}

// tab is another tab of the same browser.
func (p *person) tab() *person { return &person{t: p.t, client: p.client} }

// open types an address.
func (p *person) open(address string) *person {
	p.t.Helper()
	if err := p.try("GET", address, nil); err != nil {
		p.t.Fatalf("open %s: %v", address, err)
	}
	return p
}

// try loads a page as a browser does when somebody navigates.
func (p *person) try(method, address string, form url.Values) error {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		return err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", map[bool]string{true: "same-origin", false: "none"}[form != nil])
	resp, err := p.send(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	p.url, p.status, p.header, p.body = resp.Request.URL, resp.StatusCode, resp.Header, string(b)
	return nil
}

// send sends r, again if the connection was lost before an answer, as browsers
// do: when Caddy replaces a listener, the system resets what waits at the old one.
func (p *person) send(r *http.Request) (*http.Response, error) { return p.sendBy(p.client, r) }

func (p *person) sendBy(client *http.Client, r *http.Request) (*http.Response, error) {
	for range 3 {
		try := r.Clone(r.Context()) // the client adds cookies to what it sends
		if r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			try.Body = body
		}
		resp, err := client.Do(try)
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			return resp, err
		}
	}
	return client.Do(r)
}

// fetch asks as a program does (XHR), following nothing.
func (p *person) fetch(method, address string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	c := *p.client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := p.sendBy(&c, r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// submit fills in the page's form whose fields include those given and sends it
// with the button that the values name, if any.
func (p *person) submit(values map[string]string) *person {
	p.t.Helper()
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		p.t.Fatal(err)
	}
	form, action := findForm(doc, values)
	if form == nil {
		p.t.Fatalf("no form with %v on %s (%d):\n%s", values, p.url, p.status, p.body)
	}
	for k, v := range values {
		form.Set(k, v)
	}
	target, err := p.url.Parse(action)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.try("POST", target.String(), form); err != nil {
		p.t.Fatalf("submit to %s: %v", target, err)
	}
	return p
}

// findForm returns the values and the action of the first POST form that has
// all the wanted names.
func findForm(n *html.Node, want map[string]string) (url.Values, string) {
	if n.Type == html.ElementNode && n.Data == "form" && strings.EqualFold(attr(n, "method"), "post") {
		values, names := url.Values{}, map[string]bool{}
		var walk func(*html.Node)
		walk = func(n *html.Node) {
			if n.Type == html.ElementNode && (n.Data == "input" || n.Data == "button" || n.Data == "select") && attr(n, "name") != "" {
				names[attr(n, "name")] = true
				if n.Data == "input" && attr(n, "type") != "submit" && attr(n, "type") != "checkbox" {
					values.Set(attr(n, "name"), attr(n, "value"))
				}
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c)
			}
		}
		walk(n)
		for name := range want {
			if !names[name] {
				return nil, ""
			}
		}
		return values, attr(n, "action")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if v, action := findForm(c, want); v != nil {
			return v, action
		}
	}
	return nil, ""
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// signIn fills in the sign-in page that the person is on.
func (p *person) signIn(username, password string) *person {
	p.t.Helper()
	return p.submit(map[string]string{"username": username, "password": password})
}

// at fails unless the person is on that page with that status.
func (p *person) at(address string, status int) *person {
	p.t.Helper()
	if p.url.String() != address || p.status != status {
		p.t.Fatalf("at %s with status %d, want %s with %d\n%s", p.url, p.status, address, status, p.body)
	}
	return p
}

// onLogin fails unless the person is on the sign-in page of the server.
func (p *person) onLogin(server string) *person {
	p.t.Helper()
	if !strings.HasPrefix(p.url.String(), server+"/o/login") || !strings.Contains(p.body, `id="login-submit"`) {
		p.t.Fatalf("at %s with status %d, want the sign-in page of %s\n%s", p.url, p.status, server, p.body)
	}
	return p
}

// upstream is the request that the app behind the gate saw for this page.
func (p *person) upstream() seen {
	p.t.Helper()
	var s seen
	if err := json.Unmarshal([]byte(p.body), &s); err != nil {
		p.t.Fatalf("%s is no page of the app: %v\n%s", p.url, err, p.body)
	}
	return s
}

// me is the answer of the gate's /oidc/me.
func (p *person) me(gate string) (map[string]any, error) {
	p.t.Helper()
	resp := p.fetch("GET", gate+"/oidc/me")
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, b)
	}
	var v map[string]any
	return v, json.Unmarshal(b, &v)
}
