package caddyauthclient

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

// refusal is the error for a site's handle_errors; nil for an answer that is
// more than a status: a redirect, or a challenge.
func refusal(d gate.Decision) error {
	switch d.Verdict {
	case gate.Forbidden:
		return caddyhttp.Error(http.StatusForbidden, errors.New("auth_client: not allowed"))
	case gate.Unavailable:
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("auth_client: cannot look up who is asking"))
	case gate.BadRequest:
		return caddyhttp.Error(http.StatusBadRequest, errors.New("auth_client: not an origin or a request that this gate serves"))
	}
	return nil
}

// hasErrorRoute says whether the config has a page for err. The error routes of
// a server are those of all its sites, and handle_errors may be for some
// statuses only; where none fits, Caddy would answer with nothing at all, so
// the gate's own page is better.
func hasErrorRoute(r *http.Request, err error) bool {
	srv, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if srv == nil || srv.Errors == nil || len(srv.Errors.Routes) == 0 {
		return false
	}
	return anyHandles(srv.Errors.Routes, srv.Errors.WithError(r, err))
}

func anyHandles(routes caddyhttp.RouteList, r *http.Request) bool {
	for _, route := range routes {
		if match, err := route.MatcherSets.AnyMatchWithError(r); err != nil || !match {
			continue
		}
		for _, handler := range route.Handlers {
			sub, ok := handler.(*caddyhttp.Subroute)
			if !ok || anyHandles(sub.Routes, r) {
				return true
			}
		}
	}
	return false
}
