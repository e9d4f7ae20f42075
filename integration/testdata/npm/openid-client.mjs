// openid-client, configured as its README says, with signatures checked even where
// TLS could stand in for them.
import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { connect, told, visit } from './person.mjs'

const issuer = new URL(told('ISSUER'))
const redirect_uri = told('REDIRECT')
const secret = told('SECRET')
const api = 'https://api.example.com'
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]

const find = (id, auth) => client.discovery(issuer, id, undefined, auth, { execute })
const web = await find('web', client.ClientSecretPost(secret))

// start makes an authorization request and what its answer is checked against.
async function start(config, parameters = {}, build = client.buildAuthorizationUrl) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  }
  const url = await build(config, {
    redirect_uri,
    scope: 'openid profile email',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...parameters,
  })
  return { url, checks }
}

async function signIn(config, parameters, build) {
  const { url, checks } = await start(config, parameters, build)
  return client.authorizationCodeGrant(config, await visit(url), checks)
}

// refused waits for an error that has the text in itself or in its cause.
const refused = (promise, text) => assert.rejects(promise, (e) => [e.message, e.cause?.message].join().includes(text) || assert.fail(e))

async function userinfo(config, tokens) {
  const claims = tokens.claims()
  assert.equal(claims.iss, issuer.origin)
  const who = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.equal(who.preferred_username, 'alice')
  assert.equal(who.email, 'alice@example.com')
  return who
}

// Code and PKCE; then by a form, then with the request pushed, of an ES256 client
// that shows its secret in the header.
assert.ok(web.serverMetadata().supportsPKCE())
const first = await signIn(web)
await userinfo(web, first)
await userinfo(web, await signIn(web, { response_mode: 'form_post', max_age: '600' }))
const es = await find('es', client.ClientSecretBasic(secret))
const pushed = await signIn(es, { scope: 'openid profile email offline_access', prompt: 'consent' }, client.buildAuthorizationUrlWithPAR)
await userinfo(es, pushed)

// Refresh: the same person, another token; the old one has been replaced.
const fresh = await client.refreshTokenGrant(es, pushed.refresh_token)
assert.equal(fresh.claims().sub, pushed.claims().sub)
assert.notEqual(fresh.access_token, pushed.access_token)
assert.notEqual(fresh.refresh_token, pushed.refresh_token)
await userinfo(es, fresh)

// Introspection and revocation.
const before = await client.tokenIntrospection(es, fresh.access_token)
assert.ok(before.active)
assert.equal(before.client_id, 'es')
assert.equal((await client.tokenIntrospection(web, fresh.access_token)).active, false, 'another client is told of the token')
await client.tokenRevocation(es, fresh.refresh_token)
assert.deepEqual(await client.tokenIntrospection(es, fresh.access_token), { active: false })
await assert.rejects(client.refreshTokenGrant(es, fresh.refresh_token), { error: 'invalid_grant' })
await assert.rejects(client.fetchUserInfo(es, fresh.access_token, client.skipSubjectCheck), (e) => e.cause[0].parameters.error === 'invalid_token')

// What this client checks is there to be checked: each check, made to fail.
{
  const { url, checks } = await start(web)
  const at = await visit(url)
  const changed = new URL(at)
  changed.searchParams.set('iss', 'https://evil.example')
  await refused(client.authorizationCodeGrant(web, changed, checks), '"iss"')
  changed.searchParams.delete('iss')
  await refused(client.authorizationCodeGrant(web, changed, checks), '"iss"')
  await refused(client.authorizationCodeGrant(web, at, { ...checks, expectedState: 'x' }), '"state"')
  await assert.rejects(client.authorizationCodeGrant(web, at, { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }), { error: 'invalid_grant' })
}
{
  const { url, checks } = await start(web)
  await refused(client.authorizationCodeGrant(web, await visit(url), { ...checks, expectedNonce: 'x' }), '"nonce"')
}
await assert.rejects(signIn(web, { scope: 'openid', code_challenge: '' }), { error: 'invalid_request' })
const unknown = { status: 401, code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE' }
await assert.rejects(signIn(await find('web', client.ClientSecretPost('not the secret'))), unknown)

// A client that acts for itself.
const robot = await find('robot', client.ClientSecretBasic(secret))
const own = await client.clientCredentialsGrant(robot, { scope: 'invoices:read', resource: api })
assert.equal(own.scope, 'invoices:read')
assert.equal(own.token_type, 'bearer')
assert.deepEqual((await client.tokenIntrospection(robot, own.access_token)).aud, [api])

// A device without a browser and without a secret.
const telly = await find('telly', client.None())
const codes = await client.initiateDeviceAuthorization(telly, { scope: 'openid profile email' })
await connect(codes.verification_uri_complete)
const device = await client.pollDeviceAuthorizationGrant(telly, codes, undefined, { signal: AbortSignal.timeout(60_000) })
await userinfo(telly, device)

// Software that registers itself.
const registered = await client.dynamicClientRegistration(issuer, { redirect_uris: [redirect_uri], client_name: 'Its own' }, undefined, {
  initialAccessToken: told('REGISTRATION'),
  execute,
})
await userinfo(registered, await signIn(registered))

// Signing out, with the person sent back.
const state = client.randomState()
const back = await visit(client.buildEndSessionUrl(web, { id_token_hint: first.id_token, post_logout_redirect_uri: told('BYE'), state }))
assert.equal(back.href, told('BYE') + '?state=' + state)
await assert.rejects(signIn(web, { prompt: 'none' }), { error: 'login_required' })
await assert.rejects(client.fetchUserInfo(web, first.access_token, first.claims().sub), (e) => e.cause[0].parameters.error === 'invalid_token')
