// Package enrol registers gates as a client of their server, with an initial access
// token that works once (RFC 7591), and keeps what came of it in the gates' own
// store, so that it is done once for all restarts, reloads and nodes.
//
//	config: issuer, token --> Enroller.Stored --yes--> gates start
//	                               | no
//	                               v
//	                          Enroller.Run: register, seal, store --> gates start
//	                               |
//	                               v
//	                          have the gates' addresses changed, or the secret? Does
//	                          the server still know the client? (RFC 7592)
//
// One process does it at a time (internal/lease). What was stored belongs to the
// issuer and the token: another token in the config enrols anew.
package enrol
