// Package authapp is the Caddy app "auth": what auth_server and auth_client
// handlers of one Caddy share.
//
//	        caddyauthserver      caddyauthclient
//	              \ AddServer       / AddGate          (Provision)
//	               v               v
//	admin API ---> App: Start  1. storepool: open the store, once per process
//	CLI             |          2. origins:   where does every member stand?
//	                |          3. pairing:   servers start, gates find theirs
//	                |          4. enrol:     gates without a client get one, here
//	                |             or, by a token, elsewhere (enroltoken)
//	                |          5. reach:     do their callbacks get to them? Gates start
//	                |          6. sweeper
//	                v
//	          store (auth.stores.bbolt)
//
// Provision touches neither disk nor network. A reload provisions and starts
// the new config before it stops the old one: both share the open store, which
// the last Cleanup closes.
//
// member.go is the seam to the handlers, transport.go carries a gate's requests
// to a server in the same process. admin*.go is the REST API under /auth/ at
// Caddy's admin endpoint, command*.go the "caddy auth" commands that speak to
// it; both are ordered by what they are about: users, clients, their
// registration, objects, sync, backups. metrics.go shows what the members count.
package authapp
