package usersync

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for _, good := range []string{"https://wiki.example.com/oidc/sync", "https://10.0.0.1/x", "http://localhost:8080/x", "http://127.0.0.1/x", "http://[::1]:1/x"} {
		if err := CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "x", "/x", "http://wiki.example.com/x", "http://localhost.example.com/", "http://10.0.0.1/", "ftp://x/", "file:///etc/passwd",
		"https://user:pass@wiki.example.com/", "https://wiki.example.com/#x", "https:x", "http://localhost@evil.example/", "http://127.0.0.1.evil.example/"} {
		if err := CheckURL(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// What the config names may be told over http, and nothing beside it.
func TestAllowedHosts(t *testing.T) {
	allowed := []string{"wiki.internal", "192.0.2.1", "169.254.169.254", "fd00::7"}
	for _, good := range []string{"http://wiki.internal/x", "http://WIKI.internal:8080/x", "http://192.0.2.1/x", "http://[fd00::7]:80/x", "http://localhost/x"} {
		if err := CheckURL(good, allowed...); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"http://x.wiki.internal/x", "http://wiki.internal.evil.example/x", "http://wiki.internal@evil.example/", "http://192.0.2.10/x", "ftp://wiki.internal/"} {
		if err := CheckURL(bad, allowed...); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	// Nor does a name in the config open what nobody may be sent to.
	r, _ := http.NewRequest("POST", "http://169.254.169.254/latest/meta-data", nil)
	if _, err := Transport(allowed...).RoundTrip(r); err == nil || !strings.Contains(err.Error(), "no address of a client") {
		t.Errorf("the metadata service, by name: %v", err)
	}
}

func TestCheckAddresses(t *testing.T) {
	for _, bad := range []string{"169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
		"255.255.255.255", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "192.0.0.192",
		"64:ff9b::a9fe:a9fe", "64:ff9b::100.100.100.200", "64:ff9b::127.0.0.1", "2002:a9fe:a9fe::1", "2002:7f00:1::", "::169.254.169.254", "::127.0.0.1"} {
		if checkPublic(netip.MustParseAddr(bad)) == nil {
			t.Errorf("%s may be dialled", bad)
		}
	}
	for _, good := range []string{"93.184.216.34", "10.1.2.3", "192.168.1.1", "127.0.0.1", "fd12::1", "2606:2800::1", "::1", "64:ff9b::93.184.216.34", "2002:5db8:d822::1", "64:ff9b::10.1.2.3"} {
		if err := checkPublic(netip.MustParseAddr(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// The address is checked when it is dialled, whatever the name was.
func TestDialChecks(t *testing.T) {
	for _, address := range []string{"https://169.254.169.254/latest/meta-data", "https://[::ffff:169.254.169.254]/", "https://[fe80::1%25lo]/", "https://0.0.0.0/"} {
		r, _ := http.NewRequest("POST", address, nil)
		if _, err := Transport().RoundTrip(r); err == nil || !strings.Contains(err.Error(), "no address of a client") {
			t.Errorf("%s: %v", address, err)
		}
	}
	// http goes to this machine only, even if a name says otherwise.
	tr := newTransport(checkLoopback)
	r, _ := http.NewRequest("POST", "http://192.0.2.1/", nil)
	if _, err := tr.RoundTrip(r); err == nil || !strings.Contains(err.Error(), "https only") {
		t.Errorf("http to another machine: %v", err)
	}
	r, _ = http.NewRequest("POST", "http://192.0.2.1/", nil)
	if _, err := Transport().RoundTrip(r); err == nil || !strings.Contains(err.Error(), "https only") {
		t.Errorf("http to another machine: %v", err)
	}
}

func TestNoRedirects(t *testing.T) {
	reached := false
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer target.Close()
	from := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer from.Close()
	s := openStore(t)
	directory(t, s, 1)
	startServer(t, s, Client{ID: "wiki", URL: from.URL, Secrets: []string{secret}})
	await(t, "it is parked", func() bool { return syncState(t, s).Parked })
	if reached {
		t.Error("a redirect was followed")
	}
}

// A proxy of the environment would dial in our place, unchecked.
func TestNoProxy(t *testing.T) {
	if newTransport(checkPublic).Proxy != nil || newTransport(checkLoopback).Proxy != nil {
		t.Error("the proxy of the environment is used")
	}
}
