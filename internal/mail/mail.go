package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/caddyito/caddyito/internal/pace"
)

// Encryption is how the way to the SMTP server is encrypted.
type Encryption string

const (
	// StartTLS begins in the clear and must change to TLS before anything is said
	// (RFC 3207). Its usual port is 587.
	StartTLS Encryption = "starttls"
	// ImplicitTLS is TLS from the first byte (RFC 8314). Its usual port is 465.
	ImplicitTLS Encryption = "implicit"
	// NoTLS is for a server on this machine.
	NoTLS Encryption = "none"
)

// Config is which server sends, and as whom.
type Config struct {
	// Server is "smtp.example.com" or "smtp.example.com:587". The port's default is
	// that of the encryption: 587, 465, or 25 without.
	Server string `json:"server,omitempty"`
	// From is the sender: "auth@example.com" or "Example <auth@example.com>".
	From string `json:"from,omitempty"`
	// Username and Password at the server. Default: none.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// TLS is "starttls", "implicit", or "none" for a server on this machine. Default:
	// "implicit" with port 465, otherwise "starttls".
	TLS Encryption `json:"tls,omitempty"`
}

// address is host and port of the server, with the encryption.
func (c *Config) address() (host string, port int, enc Encryption, err error) {
	host, enc = c.Server, c.TLS
	if h, p, err := net.SplitHostPort(c.Server); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, "", fmt.Errorf("server %s: the port is a number from 1 to 65535", c.Server)
		}
		host, port = h, int(n)
	}
	if host == "" {
		return "", 0, "", errors.New("server: say which one sends mail, as in smtp.example.com:587")
	}
	if enc == "" {
		if enc = StartTLS; port == 465 {
			enc = ImplicitTLS
		}
	}
	if port == 0 {
		port = map[Encryption]int{StartTLS: 587, ImplicitTLS: 465, NoTLS: 25}[enc]
	}
	return host, port, enc, nil
}

// Check says what is wrong with c.
func (c *Config) Check() error {
	host, _, enc, err := c.address()
	if err != nil {
		return err
	}
	switch enc {
	case StartTLS, ImplicitTLS:
	case NoTLS:
		if !loopback(host) {
			return fmt.Errorf("tls none: links that open accounts would cross the network to %s for all to read; it is for a server on this machine", host)
		}
	default:
		return fmt.Errorf("tls is %s, %s or %s, not %q", StartTLS, ImplicitTLS, NoTLS, string(enc))
	}
	if c.From == "" {
		return errors.New("from: say who sends, as in auth@example.com")
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		return fmt.Errorf("from %q: is not an address as in auth@example.com or Example <auth@example.com>", c.From)
	}
	if (c.Username == "") != (c.Password == "") {
		return errors.New("username and password go together")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// Message is a mail to one person.
type Message struct {
	To            string // an address
	Subject       string
	Text, HTML    string
	Link          string    // where it leads, for a Log
	DeliverBefore time.Time // later it is not worth reading
}

const (
	// queueSize bounds what waits, so that a flood of requests fills no memory; and
	// again what waits to be tried once more.
	queueSize = 1000
	workers   = 2
	timeout   = 30 * time.Second
)

// Mailer sends. It is safe for concurrent use.
type Mailer struct {
	config Config
	client func() (*gomail.Client, error)
	log    *slog.Logger
	now    func() time.Time
	queue  chan *outgoing
	later  atomic.Int32 // how many wait to be tried once more
	ctx    context.Context
	cancel context.CancelFunc
}

// outgoing is a mail on its way.
type outgoing struct {
	*Message
	composed *gomail.Msg // nil before the first try
	failures int
}

// Options are for tests. The zero value is fine.
type Options struct {
	TLS *tls.Config
	Now func() time.Time
}

// New makes a mailer. It neither connects nor looks anything up.
func New(c Config, log *slog.Logger, o Options) (*Mailer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Mailer{config: c, log: log, now: o.Now, queue: make(chan *outgoing, queueSize)}
	m.client = func() (*gomail.Client, error) { return newClient(&c, o.TLS) }
	if _, err := m.client(); err != nil {
		return nil, err
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for range workers {
		go m.work()
	}
	return m, nil
}

func newClient(c *Config, conf *tls.Config) (*gomail.Client, error) {
	host, port, enc, err := c.address()
	if err != nil {
		return nil, err
	}
	options := []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(timeout)}
	switch enc {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case ImplicitTLS:
		options = append(options, gomail.WithSSL())
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if conf != nil {
		conf = conf.Clone()
		conf.ServerName = host
		options = append(options, gomail.WithTLSConfig(conf))
	}
	if c.Username != "" {
		auth := gomail.SMTPAuthAutoDiscover // which says nothing that can be read on the way
		if enc == NoTLS {
			auth = gomail.SMTPAuthPlainNoEnc // there is no way to speak of
		}
		options = append(options, gomail.WithSMTPAuth(auth),
			gomail.WithUsername(c.Username), gomail.WithPassword(c.Password))
	}
	return gomail.NewClient(host, options...)
}

// Send queues a mail and returns at once. One that finds the queue full is dropped,
// which is logged.
func (m *Mailer) Send(msg *Message) {
	select {
	case m.queue <- &outgoing{Message: msg}:
	default:
		m.log.Error("too many mails are waiting to be sent, so that one was dropped", "subject", msg.Subject)
	}
}

// Close ends sending; what still waits is dropped. It does not wait for a server
// that hangs: what is under way ends by itself, within the timeout.
func (m *Mailer) Close() { m.cancel() }

func (m *Mailer) work() {
	for {
		select {
		case <-m.ctx.Done():
			return
		case msg := <-m.queue:
			m.deliver(msg)
		}
	}
}

// deliver tries once. What may come through later makes way for others, since the
// reason may lie in its address.
func (m *Mailer) deliver(msg *outgoing) {
	log := m.log.With("subject", msg.Subject, "smtp_server", m.config.Server)
	var err error
	if msg.composed == nil {
		if msg.composed, err = m.compose(msg.Message); err != nil {
			log.Error("a mail cannot be written", "error", err)
			return
		}
	}
	err = m.send(msg.composed)
	if err == nil || m.ctx.Err() != nil {
		return
	}
	if se, ok := errors.AsType[*gomail.SendError](err); ok && !se.IsTemp() {
		log.Error("a mail was refused", "error", err)
		return
	}
	msg.failures++
	pause := pace.Backoff(msg.failures)
	if m.now().Add(pause).After(msg.DeliverBefore) {
		log.Error("a mail could not be sent in time", "error", err)
		return
	}
	if m.later.Add(1) > queueSize {
		m.later.Add(-1)
		log.Error("too many mails are waiting to be tried again, so that one was dropped", "error", err)
		return
	}
	log.Warn("cannot send mail; trying again", "error", err, "pause", pause)
	go func() {
		defer m.later.Add(-1)
		pace.Wait(m.ctx, pause, nil)
		select {
		case m.queue <- msg:
		case <-m.ctx.Done():
		}
	}()
}

func (m *Mailer) compose(msg *Message) (*gomail.Msg, error) {
	out := gomail.NewMsg()
	if err := out.From(m.config.From); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := out.AddTo(msg.To); err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	out.Subject(msg.Subject)
	out.SetDate()
	out.SetMessageID()
	// So that no out-of-office note comes back (RFC 3834).
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	out.SetBodyString(gomail.TypeTextPlain, msg.Text)
	if msg.HTML != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, msg.HTML)
	}
	return out, nil
}

func (m *Mailer) send(out *gomail.Msg) error {
	client, err := m.client()
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(m.ctx, out)
}
