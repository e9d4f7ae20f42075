// Package accesslog keeps what is secret in the URLs of signing in (codes,
// state, tokens of links) out of Caddy's access log.
//
// Caddy copies a request for its log before any handler runs, and logs the
// copy's URI and the response's Location when all is done; a handler can reach
// neither. So a handler serves its own URLs through Serve:
//
//	Serve --> the handler answers
//	      --> nothing secret in URI or Location: Caddy logs as always
//	      --> otherwise: log_skip is set for Caddy, and an entry of the same
//	          form, with the values redacted, goes to the same loggers
//
// The entry lacks what log_append adds, and its duration is the handler's own.
// Where access logs are off, nothing is done at all.
package accesslog
