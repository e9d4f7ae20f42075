// Package webpage is what every page of the server and of the gates has in
// common: layout, stylesheet, brand, and the headers that lock a page down.
//
//	Brand --New--> Renderer --Parse(templates)--> View --Render--> response
//	                  |
//	                  +--Message--> a page for people,
//	                                application/problem+json for programs
//
// A page is one response: the stylesheet is inline and named in the
// Content-Security-Policy by its hash, the logo is a data: URL, fonts are those
// of the system, and nothing needs a script. So a page works behind any proxy
// and asks nothing of anyone else.
//
// Since Referrer-Policy is no-referrer, browsers send "Origin: null" with the
// forms of these pages (Fetch section 3.2), so whoever receives one cannot go by
// Origin and needs a token in the form.
//
// Neighbours: caddyauthserver/pages has the server's pages; caddyauthclient/gate
// uses Message alone.
package webpage
