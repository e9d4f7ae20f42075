// oauth4webapi, whose calls are single requests, with every answer processed and
// every signature checked by it.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { connect, told, visit } from './person.mjs'

const issuer = new URL(told('ISSUER'))
const redirect = told('REDIRECT')
const secret = told('SECRET')
const api = 'https://api.example.com'
const insecure = { [oauth.allowInsecureRequests]: true }

const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
const same = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }))
assert.deepEqual(same, as, 'RFC 8414 metadata differs from that of OpenID Connect')

const web = { client_id: 'web' }
const webAuth = oauth.ClientSecretBasic(secret)
const native = { client_id: 'native', id_token_signed_response_alg: 'EdDSA' }

// authorize is the person's answer to a request of c, pushed or in the query.
async function authorize(c, auth, parameters) {
  const verifier = oauth.generateRandomCodeVerifier()
  const nonce = oauth.generateRandomNonce()
  const state = oauth.generateRandomState()
  const request = new URLSearchParams({
    response_type: 'code',
    client_id: c.client_id,
    redirect_uri: redirect,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  })
  const response = await oauth.pushedAuthorizationRequest(as, c, auth, request, insecure)
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, c, response)
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({ client_id: c.client_id, request_uri })
  const answer = await visit(url)
  return { answer: oauth.validateAuthResponse(as, c, answer, state), verifier, nonce, url }
}

const redeem = ({ answer, verifier }, c, auth, options) =>
  oauth.authorizationCodeGrantRequest(as, c, auth, answer, redirect, verifier, { ...insecure, ...options })

async function signIn(c, auth, parameters, options) {
  const attempt = await authorize(c, auth, parameters)
  const response = await redeem(attempt, c, auth, options)
  const tokens = await oauth.processAuthorizationCodeResponse(as, c, response, { expectedNonce: attempt.nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, response, insecure)
  return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens), attempt }
}

async function userinfo(c, tokens) {
  const response = await oauth.userInfoRequest(as, c, tokens.access_token, insecure)
  const who = await oauth.processUserInfoResponse(as, c, tokens.claims.sub, response)
  assert.equal(who.preferred_username, 'alice')
}

async function active(c, auth, token) {
  return (await oauth.processIntrospectionResponse(as, c, await oauth.introspectionRequest(as, c, auth, token, insecure))).active
}

// Code, PKCE and PAR, of a client with a secret. What a code bought ends when the
// code is shown again.
const first = await signIn(web, webAuth, { scope: 'openid profile' })
await userinfo(web, first)
assert.ok(await active(web, webAuth, first.access_token))
const again = await redeem(first.attempt, web, webAuth)
await assert.rejects(oauth.processAuthorizationCodeResponse(as, web, again), { error: 'invalid_grant' })
assert.equal(await active(web, webAuth, first.access_token), false)
// The pushed request, too, was for one answer.
assert.equal((await fetch(first.attempt.url, { redirect: 'manual' })).status, 400)

// A public client whose ID tokens are EdDSA, with an access token that its API
// reads by itself (RFC 9068).
const app = await signIn(native, oauth.None(), { scope: 'openid profile offline_access invoices:read', resource: api, prompt: 'consent' },
  { additionalParameters: { resource: api } })
const call = (token) => new Request(api + '/invoices', { headers: { Authorization: 'Bearer ' + token } })
const read = await oauth.validateJwtAccessToken(as, call(app.access_token), api, insecure)
assert.equal(read.client_id, 'native')
assert.equal(read.sub, app.claims.sub)
assert.match(read.scope, /\binvoices:read\b/)
await assert.rejects(oauth.validateJwtAccessToken(as, call(app.access_token), 'https://other.example.com', insecure), /"aud"/)
await assert.rejects(oauth.validateJwtAccessToken(as, call(app.id_token), api, insecure), 'an ID token passes for an access token')
await assert.rejects(oauth.processUserInfoResponse(as, native, app.claims.sub, await oauth.userInfoRequest(as, native, app.access_token, insecure)),
  'a token for an API opens userinfo')

// Refreshed with less scope, and for the server itself.
const refreshed = await oauth.processRefreshTokenResponse(as, native,
  await oauth.refreshTokenGrantRequest(as, native, oauth.None(), app.refresh_token, { ...insecure, additionalParameters: { scope: 'openid profile', resource: api } }))
assert.equal(oauth.getValidatedIdTokenClaims(refreshed).auth_time, app.claims.auth_time)
assert.doesNotMatch((await oauth.validateJwtAccessToken(as, call(refreshed.access_token), api, insecure)).scope, /invoices/)
await oauth.processRevocationResponse(await oauth.revocationRequest(as, native, oauth.None(), refreshed.refresh_token, insecure))
await assert.rejects(oauth.processRefreshTokenResponse(as, native,
  await oauth.refreshTokenGrantRequest(as, native, oauth.None(), refreshed.refresh_token, insecure)), { error: 'invalid_grant' })

// A client that acts for itself.
const robot = { client_id: 'robot' }
const own = await oauth.processClientCredentialsResponse(as, robot,
  await oauth.clientCredentialsGrantRequest(as, robot, oauth.ClientSecretPost(secret), { resource: api }, insecure))
const machine = await oauth.validateJwtAccessToken(as, call(own.access_token), api, insecure)
assert.equal(machine.sub, 'robot')

// A device: nobody has answered, then somebody has.
const telly = { client_id: 'telly' }
const codes = await oauth.processDeviceAuthorizationResponse(as, telly,
  await oauth.deviceAuthorizationRequest(as, telly, oauth.None(), { scope: 'openid profile' }, insecure))
const poll = async () => oauth.processDeviceCodeResponse(as, telly,
  await oauth.deviceCodeGrantRequest(as, telly, oauth.None(), codes.device_code, insecure))
await assert.rejects(poll(), { error: 'authorization_pending' })
await assert.rejects(poll(), { error: 'slow_down' })
await connect(codes.verification_uri_complete)
await new Promise((resolve) => setTimeout(resolve, (codes.interval + 5) * 1000)) // as slow_down asks (RFC 8628 section 3.5)
const device = await poll()
await userinfo(telly, { ...device, claims: oauth.getValidatedIdTokenClaims(device) })

// Errors are said to the client in ways that it understands.
await assert.rejects(authorize(web, webAuth, { scope: 'openid', response_type: 'token' }), { error: 'unsupported_response_type' })
const unknown = { status: 401, code: oauth.WWW_AUTHENTICATE_CHALLENGE }
await assert.rejects(authorize(web, oauth.ClientSecretBasic('not the secret'), { scope: 'openid' }), unknown)
await assert.rejects(active(web, oauth.ClientSecretBasic('not the secret'), first.access_token), unknown)

// Signing out.
const last = await signIn(web, webAuth, { scope: 'openid profile' })
const end = new URL(as.end_session_endpoint)
end.search = new URLSearchParams({ id_token_hint: last.id_token, post_logout_redirect_uri: told('BYE') })
assert.equal((await visit(end)).href, told('BYE'))
assert.equal(await active(web, webAuth, last.access_token), false)
await assert.rejects(authorize(web, webAuth, { scope: 'openid', prompt: 'none' }), { error: 'login_required' })
