package integration

import (
	"fmt"
	"testing"
	"time"
)

// liveBoxes are two boxes with an app that keeps connections open, and people who
// are signed in at the gate. It lets in the staff of companies that buy.
type liveBoxes struct {
	*boxes
	live      *liveApp
	people    map[string]*person
	companies map[string]string // ids, by whose it is
}

// startLiveBoxes has names sign in. proxy goes into reverse_proxy.
func startLiveBoxes(t *testing.T, proxy string, names ...string) *liveBoxes {
	t.Helper()
	b := &liveBoxes{boxes: startBoxes(t), live: startLiveApp(t), people: map[string]*person{}, companies: map[string]string{}}
	b.gateFile = b.fileOf("", proxy)
	if err := b.gateCaddy.reload(b.gateFile); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		company := b.serverCaddy.authJSON("", "object", "create", "company", "name="+name, "primary_activity=Buyer")
		b.companies[name] = fmt.Sprint(company["id"])
		b.serverCaddy.auth(password+"\n", "user", "create", name, "--group", "staff", "--set", "company="+b.companies[name])
		b.people[name] = newPerson(t)
		b.people[name].open(b.gate+"/").onLogin(b.server).signIn(name, password).at(b.gate+"/", 200)
	}
	return b
}

func (b *liveBoxes) fileOf(more, proxy string) string {
	return fmt.Sprintf(`
%s {
	auth_client %s {
		client_id wiki
		client_secret %s
		allow {
			group staff
			field company.primary_activity Buyer
		}
		%s
	}
	reverse_proxy %s {
		%s
	}
}
`, b.gate, b.server, b.secret, more, b.live.addr, proxy)
}

// open opens one of each kind for somebody.
func (b *liveBoxes) open(name string) []*live {
	p := b.people[name]
	return []*live{
		p.socket(b.gate, name, b.live),
		p.events(b.gate, name, "text/event-stream", b.live),
		p.events(b.gate, name, "*/*", b.live), // a download, as far as the gate can tell
	}
}

// ends are the ways in which somebody comes not to be let in any more, each by
// the name of who does. The others stay.
var ends = map[string]func(*liveBoxes){
	"disabled":  func(b *liveBoxes) { b.serverCaddy.auth("", "user", "disable", "disabled") },
	"deleted":   func(b *liveBoxes) { b.serverCaddy.auth("", "user", "delete", "deleted", "--yes") },
	"ungrouped": func(b *liveBoxes) { b.serverCaddy.auth("", "user", "set", "ungrouped", "groups=wiki") },
	"unpaid": func(b *liveBoxes) {
		b.serverCaddy.auth("", "object", "set", "company", b.companies["unpaid"], "primary_activity=Seller")
	},
	"leaving": func(b *liveBoxes) { b.people["leaving"].open(b.gate + "/oidc/logout").onLogin(b.server) },
}

// end ends somebody's session, and says until when nothing of it may be open any more.
func (b *liveBoxes) end(end func(*liveBoxes)) time.Time {
	begun := time.Now()
	end(b)
	ended := time.Now()
	return ended.Add(patience(ended.Sub(begun)))
}

func endings() (names []string) {
	for name := range ends {
		names = append(names, name)
	}
	return names
}

// Who is let in no more has nothing open any more, be it WebSocket or stream;
// what others have open goes on.
func TestOpenConnectionsEnd(t *testing.T) {
	t.Parallel()
	b := startLiveBoxes(t, "", append(endings(), "staying")...)
	staying := b.open("staying")
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			open := b.open(name)
			deadline := b.end(end)
			for _, l := range open {
				l.wantGone(deadline)
			}
			again := &live{t: t, name: name, path: "/socket", app: b.live}
			if _, resp := again.dial(b.people[name], b.gate); resp.StatusCode != 401 && resp.StatusCode != 403 {
				t.Errorf("%s opens another: %s", name, resp.Status)
			}
			for _, l := range staying {
				l.wantOpen()
			}
		})
	}
}

// What was opened before a reload is looked after by the gate that let it pass,
// though that is closed and another answers.
func TestOpenConnectionsEndAfterReload(t *testing.T) {
	t.Parallel()
	const proxy = "stream_close_delay 1m"
	b := startLiveBoxes(t, proxy, append(endings(), "staying")...)
	open := map[string][]*live{}
	for name := range b.people {
		open[name] = b.open(name)
	}
	if err := b.gateCaddy.reload(b.fileOf("header X-Reloaded username", proxy)); err != nil {
		t.Fatal(err)
	}
	for name := range open {
		for _, l := range open[name] {
			l.wantOpen()
		}
	}
	for name, end := range ends {
		deadline := b.end(end)
		for _, l := range open[name] {
			l.wantGone(deadline)
		}
	}
	for _, l := range open["staying"] {
		l.wantOpen()
	}
}
