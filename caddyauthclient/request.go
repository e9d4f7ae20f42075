package caddyauthclient

import (
	"net"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// clientIP is the person's address, as Caddy's trusted_proxies have it.
func clientIP(r *http.Request) string {
	if ip, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string); ok && ip != "" {
		return ip
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// scheme is by which the person came. Only a trusted proxy is believed that it
// was not that of the connection.
func scheme(r *http.Request) string {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if proto := r.Header.Get("X-Forwarded-Proto"); proto == "http" || proto == "https" {
			return proto
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// originalURL is what the browser asked for: r.URL itself, unless it was
// rewritten in front of the gate.
func originalURL(r *http.Request) *url.URL {
	orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || orig.URL.Path == r.URL.Path && orig.URL.RawPath == r.URL.RawPath && orig.URL.RawQuery == r.URL.RawQuery {
		return r.URL
	}
	return orig.URL
}

// withURL is r as if u had been asked for.
func withURL(r *http.Request, u *url.URL) *http.Request {
	c := *r
	c.URL, c.RequestURI = u, u.RequestURI()
	return &c
}
