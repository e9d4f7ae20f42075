package authapp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// inProcess is a client of a transport to a server in this process, which has
// no network.
func inProcess(serve http.HandlerFunc) *http.Client {
	u, _ := url.Parse("https://auth.example.com")
	return &http.Client{Transport: &transport{
		servers: map[string]ServerModule{normalOrigin(u): &fakeServer{serve: serve}},
		network: roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("to the network: " + r.URL.String())
		}),
	}}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestInProcessRequestLooksLikeOneFromAConnection(t *testing.T) {
	var got *http.Request
	var body []byte
	client := inProcess(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		w.WriteHeader(http.StatusOK) // counts for nothing
		io.WriteString(w, `{"error":"x"}`)
		w.Header().Set("Too-Late", "yes")
	})
	// The context of the browser's request must not pass for that of this one.
	ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: "203.0.113.9"})
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, "x")
	sent := &closer{Reader: strings.NewReader("grant_type=x")}
	req, _ := http.NewRequestWithContext(ctx, "POST", "https://AUTH.example.com:443/o/to%2Fken?a=b", sent)
	req.SetBasicAuth("id", "secret")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 || string(answer) != `{"error":"x"}` || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Too-Late") != "" || resp.Request == nil {
		t.Errorf("response %+v %q", resp, answer)
	}
	if got.RequestURI != "/o/to%2Fken?a=b" || got.URL.Host != "" || got.URL.Path != "/o/to/ken" || got.URL.EscapedPath() != "/o/to%2Fken" || got.Host != "AUTH.example.com:443" {
		t.Errorf("request URI %q, URL %#v, host %q", got.RequestURI, got.URL, got.Host)
	}
	if got.RemoteAddr != "127.0.0.1:0" || string(body) != "grant_type=x" || got.Proto != "HTTP/1.1" {
		t.Errorf("remote %q, body %q, %s", got.RemoteAddr, body, got.Proto)
	}
	if id, secret, ok := got.BasicAuth(); !ok || id != "id" || secret != "secret" {
		t.Error("the headers did not arrive")
	}
	if ip := caddyhttp.GetVar(got.Context(), caddyhttp.ClientIPVarKey); ip != "127.0.0.1" {
		t.Errorf("the client address is %v", ip)
	}
	if got.Context().Value(http.LocalAddrContextKey) != nil {
		t.Error("values of the browser's request came through")
	}
	if _, ok := got.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); !ok {
		t.Error("there is no replacer")
	}
	if !sent.closed {
		t.Error("the body was not closed")
	}
	if req.URL.Host != "AUTH.example.com:443" || req.RequestURI != "" || req.RemoteAddr != "" {
		t.Error("the caller's request was changed")
	}
}

func TestOnlyTheIssuersOriginIsInProcess(t *testing.T) {
	client := inProcess(func(w http.ResponseWriter, r *http.Request) {})
	for _, u := range []string{
		"http://auth.example.com/", "https://auth.example.com:8443/", "https://auth.example.com.evil.org/",
		"https://evil.org/https://auth.example.com", "https://auth.example.com@evil.org/", "https://auth.example.co/",
	} {
		if _, err := client.Get(u); err == nil || !strings.Contains(err.Error(), "to the network") {
			t.Errorf("%s: %v, want the network", u, err)
		}
	}
	for _, u := range []string{"https://auth.example.com", "https://AUTH.example.com:443/x", "HTTPS://auth.example.com/"} {
		if resp, err := client.Get(u); err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %v, want it in process", u, err)
		}
	}
}

func TestInProcessFailures(t *testing.T) {
	t.Run("panic", func(t *testing.T) {
		for _, p := range []any{"boom", http.ErrAbortHandler} {
			sent := &closer{Reader: strings.NewReader("x")}
			_, err := inProcess(func(http.ResponseWriter, *http.Request) { panic(p) }).Post("https://auth.example.com/", "text/plain", sent)
			if err == nil || !strings.Contains(err.Error(), "panicked") {
				t.Errorf("panic(%v): %v", p, err)
			}
			if !sent.closed {
				t.Error("the body was not closed")
			}
		}
	})
	t.Run("too large", func(t *testing.T) {
		client := inProcess(func(w http.ResponseWriter, r *http.Request) {
			chunk := bytes.Repeat([]byte("x"), 1<<20)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		})
		if _, err := client.Get("https://auth.example.com/"); !errors.Is(err, errTooLarge) {
			t.Errorf("got %v, want %v", err, errTooLarge)
		}
	})
	t.Run("gave up before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		called := false
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://auth.example.com/", nil)
		tr := inProcess(func(http.ResponseWriter, *http.Request) { called = true }).Transport
		if _, err := tr.RoundTrip(req); !errors.Is(err, context.Canceled) || called {
			t.Errorf("got %v, called %v", err, called)
		}
	})
	t.Run("gave up meanwhile", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://auth.example.com/", nil)
		tr := inProcess(func(w http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done() // the handler hears of it
			w.WriteHeader(200)
		}).Transport
		if _, err := tr.RoundTrip(req); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInProcessAnswersAsHTTPDoes(t *testing.T) {
	client := inProcess(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/there", http.StatusSeeOther)
		case "/there":
			io.WriteString(w, r.Method+" there")
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		}
	})
	resp, err := client.Post("https://auth.example.com/redirect", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); string(b) != "GET there" {
		t.Errorf("redirect ended in %q", b)
	}
	if resp, err = client.Get("https://auth.example.com/early"); err != nil || resp.StatusCode != http.StatusTeapot {
		t.Errorf("after early hints: %v %v", resp, err)
	}
	if resp, err = client.Head("https://auth.example.com/there"); err != nil || resp.StatusCode != 200 {
		t.Fatalf("HEAD: %v", err)
	}
	if b, _ := io.ReadAll(resp.Body); len(b) != 0 {
		t.Errorf("HEAD has a body %q", b)
	}
}

func TestOtherIssuersGoThroughTheNetwork(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "far") }))
	defer far.Close()
	client := &http.Client{Transport: newTransport()}
	resp, err := client.Get(far.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "far" {
		t.Errorf("got %q", b)
	}
	client.CloseIdleConnections()
}
