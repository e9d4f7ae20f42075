package integration

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/caddyito/caddyito/internal/browsertest"
	smtp "github.com/caddyito/caddyito/internal/mail"
	"github.com/caddyito/caddyito/internal/mail/mailtest"
)

// mailBox is a box that sends mail, asks the group careful for a second factor, and
// knows of companies in which country they are.
type mailBox struct {
	*box
	post *mailtest.Server
}

func startMailBox(t *testing.T) *mailBox {
	t.Helper()
	b := &mailBox{&box{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}, mailtest.Start(t, smtp.NoTLS, nil)}
	b.caddy = startCaddy(t, strings.Replace(boxFile(b.server, b.gate, b.app.addr, ""), "auth_server", fmt.Sprintf(`auth_server {
		brand {
			name Example
		}
		require_second_factor group careful
		schema {
			object company {
				name             text required
				primary_activity choice Buyer Seller Agent
				country          country
			}
			object country {
				name text required
			}
			user {
				company company
			}
		}
		dynamic_registration
		smtp {
			server   %s
			from     "Example <auth@example.com>"
			username %s
			password "%s"
			tls      none
		}
	}`, b.post.Addr, mailtest.User, mailtest.Password), 1))
	b.people()
	b.auth("", "client", "create", "asks", "--name", "The Asking Wiki", "--redirect", b.comeBack())
	b.auth("", "client", "create", "closed", "--name", "The Closed Wiki", "--redirect", b.comeBack(), "--allow-group", "nobody")
	return b
}

// comeBack is where clients have people come back to: the app itself.
func (b *mailBox) comeBack() string { return "http://" + b.app.addr + "/cb" }

// asks is where the client of that name sends people, which asks for consent.
func (b *mailBox) asks(more string) string {
	return b.server + "/o/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"asks"}, "redirect_uri": {b.comeBack()}, "scope": {"openid profile email"},
		"state": {"S"}, "code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"},
	}.Encode() + more
}

// mail waits for one to that address which has the text, and returns its text.
func (b *mailBox) mail(t *testing.T, to, with string) string {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case m := <-b.post.Received:
			if text := textOf(t, m); len(m.To) == 1 && m.To[0] == to && strings.Contains(text, with) {
				return text
			}
		case <-limit:
			t.Fatalf("no mail to %s came that says %q\n%s", to, with, b.log)
		}
	}
}

// link is the one of a mail.
func link(t *testing.T, text string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "http://")
	if !ok {
		t.Fatalf("no link is in\n%s", text)
	}
	return "http://" + strings.Fields(rest)[0]
}

// keyboard sits down at a browser of its own, which runs scripts or does not.
func keyboard(t *testing.T, scripts bool) (*browsertest.Keyboard, context.Context) {
	t.Helper()
	ctx := newBrowser(t)
	do(t, ctx, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}))
	return browsertest.AtKeyboard(t, ctx), ctx
}

// signIn fills in the form, whose first field has the focus.
func signIn(k *browsertest.Keyboard, name, password string) *browsertest.Keyboard {
	return k.Type("#username", name).Type("#password", password).Enter()
}
