package gate

import (
	"net/http"
	"net/textproto"
	"strings"
)

// A proxy in front of the app may let it and the client speak to each other over what
// is then a bare connection: after CONNECT (RFC 9110 section 9.3.6), which some send
// on over HTTP/2 with a body that nothing frames, and after a 101 to an Upgrade
// (section 7.8). If the app takes what follows for HTTP, then there are requests of
// any path and with any Remote-User that no gate sees. Of all these, a WebSocket
// (RFC 6455, 8441, 9220) is one in which nobody reads requests; so the others are
// refused, and upgrades to anything else not passed on, wherever a gate stands.

// IsTunnel says whether r is a CONNECT that is not for a WebSocket. No app must get it.
func IsTunnel(r *http.Request) bool {
	return r.Method == http.MethodConnect && !isExtendedWebSocket(r)
}

// isExtendedWebSocket is as Caddy's reverse_proxy sees it, which makes a GET of it.
func isExtendedWebSocket(r *http.Request) bool {
	switch r.ProtoMajor {
	case 2:
		return first(r.Header, ":protocol") == "websocket"
	case 3:
		return r.Proto == "websocket"
	}
	return false
}

// cleanUpgrade leaves an upgrade to a WebSocket alone. An app need not follow one, so
// without it the request is as any other.
func cleanUpgrade(h http.Header) {
	for _, line := range h["Upgrade"] {
		if !strings.EqualFold(textproto.TrimString(line), "websocket") {
			delete(h, "Upgrade")
			delete(h, "Http2-Settings")
			return
		}
	}
}

// RefuseTunnel answers a request that IsTunnel. No error route is asked: it might
// pass it on to an app.
func RefuseTunnel(w http.ResponseWriter) {
	writeProblem(w, http.StatusNotImplemented, `{"type":"about:blank","title":"Not Implemented","status":501,"detail":"CONNECT is for WebSockets only."}`)
}
