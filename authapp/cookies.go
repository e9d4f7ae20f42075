package authapp

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// cookieVar is the request variable with what the Cookie header was before a
// server or a gate took cookies out.
const cookieVar = "auth.cookie"

// KeepCookies remembers the lines of a request's Cookie header for a gate further
// on, for servers and gates pass a request on without the cookies of any of them.
// nil is for when nothing was taken.
func KeepCookies(r *http.Request, lines []string) {
	if lines == nil {
		caddyhttp.SetVar(r.Context(), cookieVar, nil) // which removes it
		return
	}
	caddyhttp.SetVar(r.Context(), cookieVar, lines)
}

// RestoreCookies gives a request the cookies back that a server or a gate in front
// kept.
func RestoreCookies(r *http.Request) {
	if lines, _ := caddyhttp.GetVar(r.Context(), cookieVar).([]string); lines != nil {
		r.Header["Cookie"] = slices.Clone(lines)
	}
}
