package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestIsTunnel(t *testing.T) {
	for _, test := range []struct {
		method, proto, protocol string
		major                   int
		want                    bool
	}{
		{"GET", "HTTP/1.1", "", 1, false},
		{"CONNECT", "HTTP/1.1", "", 1, true},
		{"CONNECT", "HTTP/1.1", "websocket", 1, true},
		{"CONNECT", "HTTP/2.0", "", 2, true},
		{"CONNECT", "HTTP/2.0", "connect-udp", 2, true},
		{"CONNECT", "HTTP/2.0", "websocket", 2, false},
		{"CONNECT", "HTTP/3.0", "", 3, true},
		{"CONNECT", "webtransport", "", 3, true},
		{"CONNECT", "websocket", "", 3, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.Proto, r.ProtoMajor = test.method, test.proto, test.major
		if test.protocol != "" {
			r.Header[":protocol"] = []string{test.protocol}
		}
		if got := IsTunnel(r); got != test.want {
			t.Errorf("%s by %s (%q): %v", test.method, test.proto, test.protocol, got)
		}
	}
}

func TestCleanUpgrade(t *testing.T) {
	f := NewFront(nil, "", "", nil)
	for _, test := range []struct {
		upgrade []string
		stays   bool
	}{
		{[]string{"websocket"}, true},
		{[]string{" WebSocket\t"}, true},
		{[]string{"websocket", "websocket"}, true},
		{[]string{""}, false},
		{[]string{"h2c"}, false},
		{[]string{"websocket, h2c"}, false},
		{[]string{"websocket", "h2c"}, false},
		{[]string{"h2c", "websocket"}, false},
		{[]string{"websocket/13"}, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Upgrade"] = test.upgrade
		f.CleanHeaders(r)
		if _, stays := r.Header["Upgrade"]; stays != test.stays {
			t.Errorf("%q: %v", test.upgrade, r.Header)
		}
		if isUpgrade(r) != test.stays {
			t.Errorf("%q is taken for an upgrade: %v", test.upgrade, !test.stays)
		}
	}
	r := httptest.NewRequest(http.MethodConnect, "/", nil)
	if !isUpgrade(r) {
		t.Error("CONNECT is none")
	}
}
