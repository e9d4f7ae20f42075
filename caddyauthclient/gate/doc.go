// Package gate is the relying party: it stands in front of an app, sends
// strangers to the issuer to sign in, and tells the app who its users are. It
// is plain net/http; caddyauthclient puts it into Caddy.
//
// A request:
//
//	IsTunnel       no bare connection to the app (tunnel.go)
//	CleanHeaders   no identity header of the client's own survives
//	Decide         origin -> own path? -> path policy -> cookie -> session
//	               (cache, else store) -> identity (cache, else mirror) -> rules
//	  Pass         Begin + Apply, then the app
//	  Own          ServeOwn: /oidc/login, /oidc/callback, /oidc/logout, /oidc/me,
//	               /oidc/sync, the directory
//	  the rest     Refuse: 302 to the issuer, or 400, 401, 403, 503
//
// Deciding uses no network and writes nothing to disk. What it needs is held in
// two bounded caches that follow the store's events (store.Watch), so a session
// that ends or a user who changes is seen by the next request. 100,000 entries
// are laid out so that the garbage collector finds little to visit, and a request
// touches little memory that is not in the processor's cache: recent.go has no
// pointers in its index, values.go packs a person's values into one string, those for
// headers first, and fastsessions.go finds nearly all sessions without a lock. Of each,
// a request reads one line of that cache: bucket, session, identity, values.
//
// A login:
//
//	login.go       seals the attempt into the state parameter (state.go), bound
//	               to one random cookie of the browser; nothing is kept here
//	issuer         the person signs in
//	callback.go    state -> code exchange -> ID token (idtoken.go) -> profile
//	               (profile.go) -> one transaction: mirror and session -> 303
//
// What stays open: passage.go notes every request of somebody signed in until it
// is answered, and breaks off those that would not be let pass any more. They are
// asked about again when the store tells of a change, and every two seconds, by
// the gate that let them pass, also after a reload has closed it. offline.go says
// when the mirror is too old for anybody to pass.
//
// The app's view: directory.go lets programs from the networks it names read the
// mirror, directorypage.go reads their query and makes the page, one bounded
// scan of the mirror at a time.
// Signing out elsewhere: the issuer posts a logout token (backchannel.go), by which
// the sessions of that sid end. Where tokens are kept for the app (tokens.go),
// endings.go revokes those of sessions that are over.
//
// Neighbours: package store keeps sessions and the mirror; internal/webpage
// draws the pages; caddyauthclient is the Caddy module around this.
package gate
