package usersync

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddyito/caddyito/store"
)

// drip is a body that never ends: a byte for each second.
type drip struct{ r *http.Request }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-d.r.Context().Done():
		return 0, d.r.Context().Err()
	}
}

func (drip) Close() error { return nil }

// Who is told something has five seconds for the whole of an answer, and longer for
// what is long; then the next try's turn comes, and the state says what was wrong.
func TestFiveSecondsForAnAnswer(t *testing.T) {
	for name, answer := range map[string]func(r *http.Request) (*http.Response, error){
		"silent": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"a byte each second": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: drip{r}, Request: r}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openStore(t)
				directory(t, s, 3)
				begun := time.Now()
				var mu sync.Mutex
				var took []time.Duration
				pushTo(t, s, roundTripper(func(r *http.Request) (*http.Response, error) {
					at := time.Now()
					go func() {
						<-r.Context().Done()
						mu.Lock()
						took = append(took, time.Since(at))
						mu.Unlock()
					}()
					return answer(r)
				}))
				time.Sleep(CallTimeout - 10*time.Millisecond)
				synctest.Wait()
				if st := syncState(t, s); st.Error != "" {
					t.Errorf("after %s: %q", time.Since(begun), st.Error)
				}
				time.Sleep(100 * time.Millisecond) // the greeting is short
				synctest.Wait()
				if st := syncState(t, s); !strings.HasPrefix(st.Error, "no answer within 5s") || st.Parked {
					t.Errorf("after %s: %+v", time.Since(begun), st)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(took) != 1 || took[0] < CallTimeout || took[0] > CallTimeout+100*time.Millisecond {
					t.Errorf("it was waited for %v", took)
				}
			})
		})
	}
}

// A batch of a megabyte has time to get there over a slow line.
func TestLongBatchesHaveTimeToArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{http: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			end, _ := r.Context().Deadline()
			if left := time.Until(end); left != CallTimeout+16*time.Second {
				t.Errorf("there are %s for a megabyte", left)
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("x")), Request: r}, nil
		})}}
		r, err := http.NewRequest("POST", "https://wiki.example.com/oidc/sync", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if resp, text, err := s.call(r); err != nil || resp.StatusCode != 200 || string(text) != "x" {
			t.Errorf("%v %q %v", resp, text, err)
		}
	})
}

// What a receiver says, or what of it is in an error of the connection, gives no orders
// to the terminal of whoever looks at the status, and does not pose as another line.
func TestWhatReceiversSayIsPlain(t *testing.T) {
	const attack = "\x1b]0;owned\x07\x1b[2J\x9b31mred\u009b31m\u202egnp.exe\u2066\r\nSECOND\x00\x7f\u2028line"
	long := `{"err":"x","description":"` + strings.Repeat("ä", 10_000) + `"}`
	quoted := `{"err":"invalid_request","description":"\u001b]0;owned\u0007\u001b[2J\u009b31m\u202egnp.exe\u2066\r\nSECOND\u0000\u007f\u2028line<script>alert(1)</script>"}`
	for name, c := range map[string]struct{ answer, says string }{
		"description":           {"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + quoted, "it answers 400: ]0;owned[2J31mgnp.exe"},
		"raw description":       {"HTTP/1.1 503 x\r\nConnection: close\r\n\r\n" + `{"description":"a` + "\x9b\u009b\u202e" + `b"}`, "it answers 503: a"},
		"a long description":    {"HTTP/1.1 400 x\r\nConnection: close\r\n\r\n" + long, "it answers 400"},
		"the words of a status": {"HTTP/1.1 500 " + strings.ReplaceAll(attack, "\r\n", "") + "\r\nConnection: close\r\n\r\n", "it answers 500 Internal Server Error"},
		"a header":              {"HTTP/1.1 200 OK\r\n" + strings.ReplaceAll(attack, "\r\n", "") + "\r\n\r\n", ""},
		"no HTTP":               {attack + "\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
						_, _ = io.Copy(io.Discard, r.Body)
						_, _ = io.WriteString(conn, c.answer)
					}
					conn.Close()
				}
			}()
			s := openStore(t)
			directory(t, s, 1)
			startServer(t, s, Client{ID: "wiki", URL: "http://" + l.Addr().String() + "/oidc/sync", Secrets: []string{secret}})
			var st *store.SyncState
			await(t, "the state says what is wrong", func() bool { st = syncState(t, s); return st.Error != "" })
			for _, text := range []string{st.Error, st.LastError} {
				if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) || !utf8.ValidString(text) || len(text) > 1000 {
					t.Errorf("the state has %q", text)
				}
				if !strings.Contains(text, c.says) {
					t.Errorf("the state has %q, which does not say %q", text, c.says)
				}
			}
		})
	}
}

// A receiver chooses what its certificate says, too, which stands in the error.
func TestWhatCertificatesSayIsPlain(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a\x1b]0;owned\x07\r\nb.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	gate := httptest.NewUnstartedServer(http.NotFoundHandler())
	gate.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	gate.Config.ErrorLog = log.New(io.Discard, "", 0)
	gate.StartTLS()
	defer gate.Close()
	_, port, err := net.SplitHostPort(gate.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	directory(t, s, 1)
	startServer(t, s, Client{ID: "wiki", URL: "https://localhost:" + port + "/oidc/sync", Secrets: []string{secret}})
	var st *store.SyncState
	await(t, "the state says what is wrong", func() bool { st = syncState(t, s); return st.Error != "" })
	if strings.ContainsFunc(st.Error, func(c rune) bool { return !unicode.IsPrint(c) }) || !strings.Contains(st.Error, "certificate") {
		t.Errorf("the state has %q", st.Error)
	}
}
