import { generateKeyPair, sign as rawSign } from 'node:crypto'
import { promisify } from 'node:util'
import { exportJWK, SignJWT, type CryptoKey } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { importKey } from '../../src/auth/signing-keys.ts'
import { issueToken, verifyToken } from '../../src/auth/tokens.ts'
import { newId } from '../../src/ids.ts'

const makePair = promisify(generateKeyPair)
const now = Date.parse('2026-11-20T09:00:00Z')
const nowS = now / 1000
const kid = newId()
const settings = { issuer: 'baywire', minutes: 15, clock: { now: () => now } }
const claims = { userId: newId(), sessionId: newId(), tenantId: newId() }

type Pair = Awaited<ReturnType<typeof makeEd25519>>
const makeEd25519 = () => makePair('ed25519', {})
const makeRsa = () => makePair('rsa', { modulusLength: 2048 })

let ours: Pair
let publicKey: CryptoKey
let privateKey: CryptoKey
let good: string
let asked: string[] = []

const keys = {
  verifier(asks: string) {
    asked.push(asks)
    return Promise.resolve(asks === kid ? publicKey : undefined)
  },
}

beforeAll(async () => {
  ours = await makeEd25519()
  publicKey = await importKey(await exportJWK(ours.publicKey))
  privateKey = await importKey(await exportJWK(ours.privateKey))
  const expiresBy = new Date(now + 86_400_000)
  const issued = await issueToken(claims, { signer: { kid, key: privateKey }, settings, expiresBy })
  expect(issued.expiresIn).toBe(900)
  good = issued.token
})

const verify = (token: string) => verifyToken(token, { keys, settings })
const encode = (text: string) => Buffer.from(text).toString('base64url')
const header = { alg: 'EdDSA', typ: 'at+jwt', kid }
const payload = () => ({
  iss: 'baywire',
  aud: 'baywire-api',
  sub: claims.userId,
  sid: claims.sessionId,
  tenant: claims.tenantId,
  iat: nowS,
  exp: nowS + 900,
  jti: newId(),
})

/** Signed with our own key, whatever it says: an attacker has no such thing, so all else must refuse it. */
function signed(headerText: string, payloadText: string, key = ours.privateKey): string {
  const input = `${encode(headerText)}.${encode(payloadText)}`
  return `${input}.${rawSign(null, Buffer.from(input), key).toString('base64url')}`
}
const withHeader = (fields: Record<string, unknown>) =>
  signed(JSON.stringify({ ...header, ...fields }), JSON.stringify(payload()))
const withClaims = (fields: Record<string, unknown>) =>
  signed(JSON.stringify(header), JSON.stringify({ ...payload(), ...fields }))
const without = (name: string) => withClaims({ [name]: undefined })

describe('access tokens', () => {
  it('are good for who they are of', async () => {
    expect(await verify(good)).toEqual({ ...claims, expiresAt: payload().exp * 1000 })
    expect(await verify(withClaims({}))).toMatchObject(claims)
    expect(await verify(withClaims({ tenant: null }))).toMatchObject({ ...claims, tenantId: null })
  })

  it('are good until they expire, give or take what clocks differ', async () => {
    expect(await verify(withClaims({ iat: nowS - 900, exp: nowS - 59 }))).toMatchObject(claims)
    expect(await verify(withClaims({ iat: nowS - 900, exp: nowS - 61 }))).toBeUndefined()
    expect(await verify(withClaims({ iat: nowS + 59, exp: nowS + 900 }))).toMatchObject(claims)
  })

  it('never outlive their session', async () => {
    const expiresBy = new Date(now + 30_000)
    const issued = await issueToken(claims, { signer: { kid, key: privateKey }, settings, expiresBy })
    expect(issued.expiresIn).toBe(30)
  })
})

const parts = () => good.split('.') as [string, string, string]

/** The attacks, each by what it tries. */
const attacks: Record<string, () => string | Promise<string>> = {
  'alg none': () => `${encode('{"alg":"none","typ":"at+jwt"}')}.${parts()[1]}.`,
  'alg None': () => `${encode('{"alg":"None","typ":"at+jwt"}')}.${parts()[1]}.`,
  'alg NONE': () => `${encode('{"alg":"NONE","typ":"at+jwt"}')}.${parts()[1]}.`,
  'alg nOnE': () => `${encode('{"alg":"nOnE","typ":"at+jwt"}')}.${parts()[1]}.`,
  'alg none, signature kept': () =>
    `${encode(`{"alg":"none","typ":"at+jwt","kid":"${kid}"}`)}.${parts()[1]}.${parts()[2]}`,
  'HS256 with the public key as secret': async () => {
    const secret = Buffer.from((await exportJWK(ours.publicKey)).x ?? '', 'base64url')
    return await new SignJWT(payload()).setProtectedHeader({ ...header, alg: 'HS256' }).sign(secret)
  },
  'RS256 with a key of its own': async () =>
    await new SignJWT(payload()).setProtectedHeader({ ...header, alg: 'RS256' }).sign((await makeRsa()).privateKey),
  'ES256 with zero r and s': () =>
    `${encode(JSON.stringify({ ...header, alg: 'ES256' }))}.${parts()[1]}.${Buffer.alloc(64).toString('base64url')}`,
  'Ed25519 with zero r and s': () => `${parts()[0]}.${parts()[1]}.${Buffer.alloc(64).toString('base64url')}`,
  'Ed448 as alg': () => withHeader({ alg: 'Ed448' }),
  'the other name of the algorithm': () => withHeader({ alg: 'Ed25519' }),
  'a key of another installation': async () =>
    signed(JSON.stringify(header), JSON.stringify(payload()), (await makeEd25519()).privateKey),
  'embedded jwk': async () => {
    const theirs = await makeEd25519()
    const jwk = await exportJWK(theirs.publicKey)
    return signed(JSON.stringify({ ...header, jwk }), JSON.stringify(payload()), theirs.privateKey)
  },
  jku: () => withHeader({ jku: 'https://attacker.example/jwks.json' }),
  x5u: () => withHeader({ x5u: 'https://attacker.example/key.pem' }),
  x5c: () => withHeader({ x5c: ['MIIB'] }),
  'kid of a path': () => withHeader({ kid: '../../../../dev/null' }),
  'kid of SQL': () => withHeader({ kid: "' or 1=1 --" }),
  'kid of another type': () => withHeader({ kid: 1 }),
  'kid missing': () => withHeader({ kid: undefined }),
  'kid too long': () => withHeader({ kid: 'a'.repeat(65) }),
  'kid unknown': () => withHeader({ kid: newId() }),
  'kid of a prototype': () => withHeader({ kid: '__proto__' }),
  crit: () => withHeader({ crit: ['exp'] }),
  'b64 false': () => withHeader({ b64: false, crit: ['b64'] }),
  'header in another order': () =>
    signed(JSON.stringify({ kid, alg: 'EdDSA', typ: 'at+jwt' }), JSON.stringify(payload())),
  'header with white space': () => signed(JSON.stringify(header, null, 1), JSON.stringify(payload())),
  'header keys twice': () =>
    signed(`{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`, JSON.stringify(payload())),
  'header is no object': () => signed('[]', JSON.stringify(payload())),
  'header is no JSON': () => signed('{', JSON.stringify(payload())),
  'a header of 9 KiB': () => withHeader({ pad: 'x'.repeat(9000) }),
  nested: () => signed(JSON.stringify({ ...header, cty: 'JWT' }), good),
  'typ JWT': () => withHeader({ typ: 'JWT' }),
  'typ missing': () => withHeader({ typ: undefined }),
  'typ of an ID token': () => withHeader({ typ: 'id+jwt' }),
  'typ in another spelling': () => withHeader({ typ: 'AT+JWT' }),
  'JSON serialisation': () =>
    JSON.stringify({ payload: parts()[1], signatures: [{ protected: parts()[0], signature: parts()[2] }] }),
  'signature empty': () => `${parts()[0]}.${parts()[1]}.`,
  'signature missing': () => `${parts()[0]}.${parts()[1]}`,
  'a part too many': () => `${good}.${parts()[2]}`,
  'signature of another token': () => `${parts()[0]}.${encode(JSON.stringify(payload()))}.${parts()[2]}`,
  'signature too short': () => good.slice(0, -4),
  'base64 with padding': () => `${good}==`,
  'base64 of the other alphabet': () =>
    `${parts()[0]}.${parts()[1]}.${parts()[2].replaceAll('_', '/').replaceAll('-', '+')}=`,
  'base64 with trailing bits': () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return good.slice(0, -1) + alphabet[alphabet.indexOf(good.at(-1) ?? '') ^ 1]
  },
  'white space inside': () => `${parts()[0]}.${parts()[1]}. ${parts()[2]}`,
  'a line break at the end': () => `${good}\n`,
  'wrong aud': () => withClaims({ aud: 'other-api' }),
  'aud of several': () => withClaims({ aud: ['baywire-api', 'other-api'] }),
  'aud missing': () => without('aud'),
  'wrong iss': () => withClaims({ iss: 'https://attacker.example' }),
  'iss missing': () => without('iss'),
  'sub missing': () => without('sub'),
  'sub of another type': () => withClaims({ sub: { id: claims.userId } }),
  'sub is no id': () => withClaims({ sub: 'admin' }),
  'sid missing': () => without('sid'),
  'tenant missing': () => without('tenant'),
  'tenant is no id': () => withClaims({ tenant: '%' }),
  'jti missing': () => without('jti'),
  'iat missing': () => without('iat'),
  'iat in the future': () => withClaims({ iat: nowS + 120, exp: nowS + 900 }),
  'exp missing': () => without('exp'),
  'exp as a text': () => withClaims({ exp: String(nowS + 900) }),
  'exp as null': () => withClaims({ exp: null }),
  'exp 1e20': () => withClaims({ exp: 1e20 }),
  'exp of infinity': () =>
    signed(JSON.stringify(header), JSON.stringify(payload()).replace(/"exp":\d+/, '"exp":1e999')),
  'exp in a hundred years': () => withClaims({ exp: nowS + 100 * 365 * 86_400 }),
  'exp negative': () => withClaims({ exp: -1 }),
  expired: () => withClaims({ iat: nowS - 2000, exp: nowS - 1100 }),
  'nbf in the future': () => withClaims({ nbf: nowS + 120 }),
  'nbf as a text': () => withClaims({ nbf: String(nowS) }),
  'claims twice': () => signed(JSON.stringify(header), JSON.stringify(payload()).replace('{', `{"sub":"${newId()}",`)),
  'claims with white space': () => signed(JSON.stringify(header), JSON.stringify(payload(), null, 2)),
  'claims are no object': () => signed(JSON.stringify(header), 'null'),
  'claims are no JSON': () => signed(JSON.stringify(header), 'x'),
  'deeply nested claims': () => signed(JSON.stringify(header), `${'['.repeat(2000)}${']'.repeat(2000)}`),
  empty: () => '',
  dots: () => '..',
  'a megabyte': () => `${'A'.repeat(1_048_576)}.${parts()[1]}.${parts()[2]}`,
}

describe('attacks on access tokens', () => {
  it.for(Object.entries(attacks))('%s is refused', async ([, attack]) => {
    expect(await verify(await attack())).toBeUndefined()
  })

  it('with a kid that cannot be one of ours never get to the keys', async () => {
    asked = []
    for (const name of ['kid of a path', 'kid of SQL', 'kid of a prototype', 'a header of 9 KiB', 'a megabyte']) {
      await verify((await attacks[name]?.()) ?? '')
    }
    expect(asked).toEqual([])
  })

  it('by changing any one character come to nothing', async () => {
    for (let at = 0; at < good.length; at += 7) {
      const other = good[at] === 'A' ? 'B' : 'A'
      expect(await verify(good.slice(0, at) + other + good.slice(at + 1))).toBeUndefined()
    }
  })
})
