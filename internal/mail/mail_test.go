package mail_test

import (
	"cmp"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/mail/mailtest"
)

type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newMailer(t *testing.T, s *mailtest.Server, c mail.Config) (*mail.Mailer, *logs) {
	t.Helper()
	l := new(logs)
	c.Server, c.From = s.Addr, "Example <auth@example.com>"
	m, err := mail.New(c, slog.New(slog.NewTextHandler(l, nil)), mail.Options{TLS: s.TLS})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, l
}

func message() *mail.Message {
	return &mail.Message{
		To: "alice@example.com", Subject: "Neues Paßwort", Text: "Hello Älice\nhttps://auth.example.com/x\n", HTML: "<p>Hello <b>Älice</b></p>",
		DeliverBefore: time.Now().Add(30 * time.Minute),
	}
}

// within fails a test that waits for what does not come.
const within = time.Minute

func receive(t *testing.T, s *mailtest.Server, l *logs) mailtest.Mail {
	t.Helper()
	select {
	case got := <-s.Received:
		return got
	case <-time.After(within):
		t.Fatalf("no mail came; the log says:\n%s", l)
		panic("unreachable")
	}
}

func waitFor(t *testing.T, l *logs, text string) {
	t.Helper()
	for end := time.Now().Add(within); !strings.Contains(l.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log does not say %q:\n%s", text, l)
		}
	}
}

func TestSend(t *testing.T) {
	for _, c := range []struct {
		name   string
		config mail.Config
		tls    bool
		user   string
	}{
		{"STARTTLS, with a password", mail.Config{Username: mailtest.User, Password: mailtest.Password}, true, mailtest.User},
		{"STARTTLS", mail.Config{TLS: mail.StartTLS}, true, ""},
		{"implicit TLS, with a password", mail.Config{TLS: mail.ImplicitTLS, Username: mailtest.User, Password: mailtest.Password}, true, mailtest.User},
		{"no TLS on this machine", mail.Config{TLS: mail.NoTLS}, false, ""},
		{"no TLS on this machine, with a password", mail.Config{TLS: mail.NoTLS, Username: mailtest.User, Password: mailtest.Password}, false, mailtest.User},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mailtest.Start(t, cmp.Or(c.config.TLS, mail.StartTLS), nil)
			m, l := newMailer(t, s, c.config)
			m.Send(message())
			got := receive(t, s, l)
			if got.From != "auth@example.com" || len(got.To) != 1 || got.To[0] != "alice@example.com" || got.TLS != c.tls || got.User != c.user {
				t.Errorf("got %+v", got)
			}
			for _, want := range []string{
				`From: "Example" <auth@example.com>`, "To: <alice@example.com>", "Subject: =?UTF-8?", "Auto-Submitted: auto-generated",
				"multipart/alternative", "text/plain", "text/html", "Message-ID: <", "Date: ", "https://auth.example.com/x",
			} {
				if !strings.Contains(got.Data, want) {
					t.Errorf("the mail has no %q:\n%s", want, got.Data)
				}
			}
		})
	}
}

// A server that offers no TLS gets nothing, since it may be somebody in between
// (RFC 3207 section 6).
func TestRFC3207NoDowngrade(t *testing.T) {
	s := mailtest.Start(t, mail.NoTLS, nil)
	plain := mailtest.Start(t, mail.StartTLS, nil)
	m, l := newMailer(t, s, mail.Config{TLS: mail.StartTLS})
	m.Send(message())
	waitFor(t, l, "cannot send mail")
	// One whose certificate nobody vouches for gets nothing either.
	stranger := &mailtest.Server{Addr: plain.Addr, TLS: s.TLS}
	m, l = newMailer(t, stranger, mail.Config{})
	m.Send(message())
	waitFor(t, l, "cannot send mail")
	select {
	case got := <-s.Received:
		t.Errorf("it was sent in the clear: %+v", got)
	case got := <-plain.Received:
		t.Errorf("it was sent all the same: %+v", got)
	default:
	}
}

func TestTriesAgain(t *testing.T) {
	var tries atomic.Int32
	s := mailtest.Start(t, mail.StartTLS, func(mailtest.Mail) error {
		if tries.Add(1) == 1 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
		}
		return nil
	})
	m, l := newMailer(t, s, mail.Config{})
	m.Send(message())
	receive(t, s, l)
	if tries.Load() != 2 || !strings.Contains(l.String(), "trying again") {
		t.Errorf("%d tries; the log says:\n%s", tries.Load(), l)
	}
}

// Mail that is refused for now, because nobody finds the domain of its address, say,
// holds up no other: anybody can have some sent to such an address.
func TestOneThatWaitsHoldsUpNone(t *testing.T) {
	s := mailtest.Start(t, mail.StartTLS, func(got mailtest.Mail) error {
		if got.To[0] != "alice@example.com" {
			return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 1, 2}, Message: "domain not found"}
		}
		return nil
	})
	m, l := newMailer(t, s, mail.Config{})
	for range 10 {
		stuck := message()
		stuck.To = "eve@nowhere.example"
		m.Send(stuck)
	}
	waitFor(t, l, "trying again")
	m.Send(message())
	receive(t, s, l)
}

func TestGivesUp(t *testing.T) {
	s := mailtest.Start(t, mail.StartTLS, func(got mailtest.Mail) error {
		if strings.Contains(got.Data, "refused") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
		}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	})
	m, l := newMailer(t, s, mail.Config{})
	refused := message()
	refused.Text = "refused"
	m.Send(refused)
	waitFor(t, l, "a mail was refused")
	late := message()
	late.DeliverBefore = time.Now()
	m.Send(late)
	waitFor(t, l, "could not be sent in time")
	wrong := message()
	wrong.To = "no address"
	m.Send(wrong)
	waitFor(t, l, "cannot be written")
	for _, secret := range []string{"https://auth.example.com/x", "alice@example.com"} {
		if strings.Contains(l.String(), secret) {
			t.Errorf("the log tells %q:\n%s", secret, l)
		}
	}
}

// What would end a header begins none (header injection).
func TestHeaderInjection(t *testing.T) {
	s := mailtest.Start(t, mail.StartTLS, nil)
	m, l := newMailer(t, s, mail.Config{})
	for _, to := range []string{"a@example.com\r\nBcc: eve@example.com", "a@example.com, eve@example.com", "a@example.com\nX: y", "<a@example.com> <eve@example.com>"} {
		msg := message()
		msg.To = to
		m.Send(msg)
	}
	last := message()
	last.Subject = "x\r\nBcc: eve@example.com"
	m.Send(last)
	got := receive(t, s, l)
	if len(got.To) != 1 || got.To[0] != "alice@example.com" || strings.Contains(got.Data, "\nBcc:") {
		t.Errorf("got %+v", got)
	}
}

func TestCloseWithAServerThatHangs(t *testing.T) {
	block := make(chan struct{})
	arrived := make(chan struct{}, 1)
	s := mailtest.Start(t, mail.StartTLS, func(mailtest.Mail) error { arrived <- struct{}{}; <-block; return nil })
	defer close(block)
	m, _ := newMailer(t, s, mail.Config{})
	m.Send(message())
	<-arrived
	m.Close() // returns
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		config mail.Config
		want   string
	}{
		{mail.Config{Server: "smtp.example.com", From: "auth@example.com"}, ""},
		{mail.Config{Server: "smtp.example.com:465", From: "Example <auth@example.com>", Username: "u", Password: "p"}, ""},
		{mail.Config{Server: "localhost:25", From: "auth@example.com", TLS: mail.NoTLS}, ""},
		{mail.Config{Server: "[::1]:25", From: "auth@example.com", TLS: mail.NoTLS}, ""},
		{mail.Config{Server: "smtp.example.com", From: "auth@example.com", TLS: mail.NoTLS}, "for all to read"},
		{mail.Config{From: "auth@example.com"}, "server:"},
		{mail.Config{Server: ":25", From: "auth@example.com"}, "server:"},
		{mail.Config{Server: "smtp.example.com:0", From: "auth@example.com"}, "port"},
		{mail.Config{Server: "smtp.example.com:x", From: "auth@example.com"}, "port"},
		{mail.Config{Server: "smtp.example.com"}, "from:"},
		{mail.Config{Server: "smtp.example.com", From: "auth"}, "from \"auth\""},
		{mail.Config{Server: "smtp.example.com", From: "a@b.c\r\nBcc: x@y.z"}, "is not an address"},
		{mail.Config{Server: "smtp.example.com", From: "auth@example.com", TLS: "ssl"}, "not \"ssl\""},
		{mail.Config{Server: "smtp.example.com", From: "auth@example.com", Username: "u"}, "go together"},
	} {
		err := c.config.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.config, err, c.want)
		}
	}
}
