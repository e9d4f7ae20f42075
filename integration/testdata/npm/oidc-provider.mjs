// oidc-provider as the issuer of a gate, with its own development pages, where any
// login signs in. PORT and GATE are where it listens and whom it knows. Its signing
// key is new whenever it starts.
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'
import { told } from './person.mjs'

const port = told('PORT')
const gate = told('GATE')

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const provider = new Provider(`http://localhost:${port}`, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
  cookies: { keys: ['a key of the issuer for its cookies'] },
  clients: [
    {
      client_id: 'wiki',
      client_secret: told('SECRET'),
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [gate + '/oidc/callback'],
      post_logout_redirect_uris: [gate + '/'],
      backchannel_logout_uri: gate + '/oidc/backchannel-logout',
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ['sub'], profile: ['name', 'given_name', 'family_name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'offline_access', 'groups'],
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, name: id + ' Archer', given_name: id, family_name: 'Archer', email: id + '@example.com', email_verified: true, groups: ['staff', 'wiki'] }),
  }),
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  clockTolerance: 0,
  ttl: { AccessToken: Number(process.env.ACCESS_TOKEN_LIFETIME ?? 600) },
  fetch: (url, { method, headers, body, signal }) => fetch(url, { method, headers, body, signal }), // also on loopback
  features: {
    backchannelLogout: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource(ctx, form) {
        ctx.body = form.replace('</form>', '<button name="logout" value="yes">Sign out</button></form>')
      },
    },
  },
})
for (const problem of ['server_error', 'backchannel.error']) provider.on(problem, (ctx, error) => console.error(error))
provider.listen(port, 'localhost')
