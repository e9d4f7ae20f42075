package main

import (
	"fmt"
	"strings"

	"github.com/caddyito/caddyito/authapp"
)

// The two handlers that everything is put in front of. Behind reverse_proxy is
// an app in another process: what a user of a gate has. respond answers by
// itself, so that the cost of what stands before it shows.
const (
	proxied   = "reverse_proxy"
	responded = "respond"
)

// variant is a Caddy of its own: something in front of one of the handlers.
type variant struct {
	front string
	name  string
	// before is what stands in the site before the handler, with the
	// placeholders of caddyfile.
	before string
	// users are in the gate's store, each with a session; 0 where there is no
	// gate.
	users int
	// credential is the header that the requests have instead of a session's.
	credential string
}

const (
	plainName   = "plain"
	stubName    = "stub: map lookup"
	stub3Name   = "stub: lookup, three headers"
	basicName   = "basic_auth, cached"
	gateName    = "gate: session, headers"
	strangers   = "gate: strangers (302)"
	gateOfUsers = "gate: %d users"
)

// basicAuth is Caddy's own way to let one user in. It keeps the passwords that
// were right in memory, and is here as a measure that does not change with this
// project.
const (
	basicAuth       = "basic_auth {\n\t\tuser1 $2a$04$5mV2UEMFSus07lv9rjGBHefJ.p5GmQ19cnoiIc3Mqz5D97LlQZVEi\n\t}"
	basicCredential = "Authorization: Basic dXNlcjE6YmVuY2gtcGFzc3dvcmQ=" // user1:bench-password
)

// gateVariants are what "bench gate" compares, for each of the handlers.
func gateVariants(users int) []variant {
	const gate = "auth_client $ISSUER {\n\t\tclient_id $CLIENT\n\t\tclient_secret $SECRET\n\t}"
	var list []variant
	for _, front := range []string{proxied, responded} {
		list = append(list,
			variant{front: front, name: plainName},
			variant{front: front, name: stubName, before: "bench_stub $COOKIE $SESSION"},
			variant{front: front, name: stub3Name, before: "bench_stub $COOKIE $SESSION headers"},
			variant{front: front, name: basicName, before: basicAuth, credential: basicCredential},
			variant{front: front, name: gateName, before: gate, users: 1},
			variant{front: front, name: fmt.Sprintf(gateOfUsers, users), before: gate, users: users},
		)
	}
	return list
}

// setting is what the placeholders stand for.
type setting struct {
	addr     string // where the site is
	upstream string // address of the app, and of the issuer
	session  string // that the stub knows
}

// Of the client that the gates are.
const (
	clientID     = "bench"
	clientSecret = "bench-secret-of-the-client-bench-0123456789"
)

// cookieName is that of the gate's session on a site without https.
func cookieName(upstream string) string { return "caddyito-" + realm(upstream) }

// realm of the sessions of a gate whose issuer is the upstream.
func realm(upstream string) string { return authapp.Realm(clientID, "http://"+upstream) }

// caddyfile is the whole config of a variant.
func (v variant) caddyfile(s setting) string { return v.caddyfileAnswering(s, body) }

// caddyfileAnswering is that with a text of one's own.
func (v variant) caddyfileAnswering(s setting, text string) string {
	handler := "respond " + `"` + text + `"`
	if v.front == proxied {
		handler = "reverse_proxy " + s.upstream
	}
	before := strings.NewReplacer(
		"$ISSUER", "http://"+s.upstream, "$CLIENT", clientID, "$SECRET", clientSecret,
		"$COOKIE", cookieName(s.upstream), "$SESSION", s.session,
	).Replace(v.before)
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	log {
		level WARN
	}
}
http://%s {
	%s
	%s
}
`, s.addr, before, handler)
}

// request is what a browser sends that opens a page. All variants get the same,
// the plain one too, but for strangers, who have no cookie, and for basic_auth.
// credential is the header with it, empty for none.
func request(addr, path, credential string) []byte {
	if credential != "" {
		credential += "\r\n"
	}
	return []byte("GET " + path + " HTTP/1.1\r\n" +
		"Host: " + addr + "\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-GB,en;q=0.5\r\n" +
		"Sec-Fetch-Dest: document\r\n" +
		"Sec-Fetch-Mode: navigate\r\n" +
		"Sec-Fetch-Site: none\r\n" +
		"Sec-Fetch-User: ?1\r\n" +
		credential + "\r\n")
}
