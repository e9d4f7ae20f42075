// Package provider is the OpenID provider as plain net/http: who asks, who
// they are, what they agreed to, and what they get for it.
//
//	   a client                         a person's browser
//	      |                                    |
//	      |                        /o/authorize  (authorize.go)
//	      |                         |  parse the request (or what the client
//	   /o/par  (par.go)             |  pushed of it before), find client and exact
//	      |                         |  redirect URI: no -> 400 page
//	      |                         |  anything else wrong -> redirect with error
//	      |                         v
//	      |                        steps, in turn; each returns only here
//	      |                         |-- signed in?  -> /o/login    (login.go)
//	      |                         |                    | has a second factor
//	      |                         |                  /o/second-factor  (secondfactor.go)
//	      |                         |-- second factor due? -> /o/second-factor, or
//	      |                         |         /o/account/security to set one up (factorstep.go)
//	      |                         |-- agreed?     -> /o/consent  (consent.go)
//	      |                         v
//	      |                        code -> the client's redirect URI (redirect.go)
//	      v
//	   /o/token  (token.go)     client authentication (clientauth.go),
//	      |                     PKCE (pkce.go), then in one transaction: spend
//	      |                     the code or refresh token, write what it buys
//	      |                     (grantmanager.go, the only file that knows
//	      |                     go-oauth2), and say who it is (idtoken.go)
//	      v
//	   /o/userinfo, /o/profile, /o/revoke, /o/introspect     /o/jwks, the two
//	   well-knowns
//
//	/o/device, /o/device/code, /o/device/qr  (devicegrant.go draws how these meet)
//
//	/o/register, /o/register/<client id>     where software registers itself
//	(register.go, registration.go; what it may say: clientmetadata.go)
//
//	/o/accounts, /o/logout, /o/password, /o/forgot, /o/reset, /o/account/...,
//	/o/setup, /o/ are for people, like login and consent.
//
// When a session ends, backchannel.go tells the clients that signed in by it, each
// by a logout token (logouttoken.go), until they took it.
//
// Nobody has a session who did not give the second factor they have: between the
// password and it, a ticket remembers who is half signed in. What a page in between
// hands back, and so where it leads, is in continue.go.
//
// A file is an endpoint or what endpoints share: the browser's session
// (session.go), CSRF tokens (csrf.go), passwords (checklogin.go) and how often one
// may try (limiter.go, knownbrowser.go, guessing.go), signing keys (keys.go), access tokens
// (bearer.go), reading forms strictly (params.go). asked.go is how a step that was
// asked for anew is known to be done.
//
// What people and clients do is written to the audit log (audit.go) in the
// transaction that does it; sign-ins that failed are collected first
// (auditfailures.go).
//
// Without the scope offline_access, what a login bought ends when the person signs
// out, and revoking its access token revokes all of it; with that scope it outlives
// both.
//
// Attempts to sign in count alike for a username and for the e-mail address of the
// same account, so somebody who knows both and spends the attempts of one can see
// by the other that they are one account. That is accepted: to count them apart
// would double what may be guessed.
//
// Neighbours: store keeps everything; caddyauthserver/pages draws what people
// see; internal/password checks passwords; the Caddy module in caddyauthserver
// makes a Provider from the config and hands it the requests for its paths.
package provider
