// Package mailtest is an SMTP server on loopback that keeps what it is sent.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/caddyito/caddyito/internal/mail"
)

// Mail is what arrived.
type Mail struct {
	From string
	To   []string
	Data string // as it was sent: header and body
	TLS  bool   // it came encrypted
	User string // who sent it, "" for nobody
}

// Server is an SMTP server.
type Server struct {
	Addr     string
	Received chan Mail
	// TLS trusts the server.
	TLS *tls.Config
	// refuse is asked of every mail; an *smtp.SMTPError says how it is refused.
	refuse func(Mail) error
}

// User and Password that the server takes.
const (
	User     = "mailer"
	Password = "correct horse battery staple"
)

// Start starts a server that takes mail until the test ends. refuse may be nil.
func Start(t testing.TB, enc mail.Encryption, refuse func(Mail) error) *Server {
	t.Helper()
	cert, pool := certificate(t)
	s := &Server{Received: make(chan Mail, 100), TLS: &tls.Config{RootCAs: pool}, refuse: refuse}
	srv := smtp.NewServer(s)
	srv.Domain = "localhost"
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.ErrorLog = discard{}
	// So that a client that would go on in the clear is seen.
	srv.AllowInsecureAuth = true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	switch enc {
	case mail.ImplicitTLS:
		l = tls.NewListener(l, srv.TLSConfig)
		srv.TLSConfig = nil
	case mail.NoTLS:
		srv.TLSConfig = nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return s
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// NewSession implements smtp.Backend.
func (s *Server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{s: s, conn: c}, nil
}

type session struct {
	s    *Server
	conn *smtp.Conn
	mail Mail
	user string
}

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return errors.New("wrong username or password")
		}
		x.user = user
		return nil
	}), nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	_, encrypted := x.conn.TLSConnectionState()
	_, implicit := x.conn.Conn().(*tls.Conn)
	x.mail = Mail{From: from, TLS: encrypted || implicit, User: x.user}
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.mail.To = append(x.mail.To, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.mail.Data = string(b)
	if x.s.refuse != nil {
		if err := x.s.refuse(x.mail); err != nil {
			return err
		}
	}
	x.s.Received <- x.mail
	return nil
}

func (x *session) Reset()        { x.mail = Mail{} }
func (x *session) Logout() error { return nil }
