import { jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { PublishedKeys } from './published-keys.ts'
import type { Signer } from './signing-keys.ts'

/**
 * Access tokens: JWT (RFC 9068) signed with Ed25519. Taken is only what this program itself would have written: the header
 * is compared with our own, byte by byte, so that it decides nothing, and header and claims are in the one form that we
 * write. Whatever else is signed, encoded or spelled in another way is refused before a key is touched.
 */
export interface AccessClaims {
  userId: string
  sessionId: string
  /** The tenant that the session works in. */
  tenantId: string | null
}

/** What a token says, and until when it is one. */
export interface VerifiedClaims extends AccessClaims {
  /** Epoch milliseconds. */
  expiresAt: number
}

export interface TokenSettings {
  /** `iss`. */
  issuer: string
  /** Life of a token. */
  minutes: number
  clock: Clock
}

const algorithm = 'EdDSA'
const type = 'at+jwt'
export const audience = 'baywire-api'
/** How much the clocks of the processes may differ. */
const leewayS = 60
/** The longest life that the setting allows. */
const longestLifeS = 3600
const mostCharacters = 8192
const mostKidCharacters = 64

export async function issueToken(
  { userId, sessionId, tenantId }: AccessClaims,
  { signer, settings, expiresBy }: { signer: Signer; settings: TokenSettings; expiresBy: Date },
): Promise<{ token: string; expiresIn: number }> {
  const now = Math.floor(settings.clock.now() / 1000)
  // It never outlives its session.
  const expiresIn = Math.max(1, Math.min(settings.minutes * 60, Math.floor(expiresBy.getTime() / 1000) - now))
  const claims = { iss: settings.issuer, aud: audience, sub: userId, sid: sessionId, tenant: tenantId }
  const token = await new SignJWT({ ...claims, iat: now, exp: now + expiresIn, jti: newId() })
    .setProtectedHeader(headerOf(signer.kid))
    .sign(signer.key)
  return { token, expiresIn }
}

function headerOf(kid: string) {
  return { alg: algorithm, typ: type, kid }
}

const id = z.uuid()
const seconds = z.int().min(0)
const claimShape = z.object({
  iss: z.string(),
  aud: z.literal(audience),
  sub: id,
  sid: id,
  tenant: id.nullable(),
  iat: seconds,
  nbf: seconds.optional(),
  exp: seconds,
  jti: id,
})

/** Undefined for whatever is not a good token of ours: never throws for what it was given. */
export async function verifyToken(
  token: string,
  { keys, settings }: { keys: Pick<PublishedKeys, 'verifier'>; settings: TokenSettings },
): Promise<VerifiedClaims | undefined> {
  const kid = kidOf(token)
  const claims = kid === undefined ? undefined : claimsOf(token)
  if (kid === undefined || claims === undefined) return undefined
  const { iss, iat, exp, sub, sid, tenant } = claims
  const now = settings.clock.now()
  if (iss !== settings.issuer || exp - iat > longestLifeS || iat * 1000 > now + leewayS * 1000) return undefined
  const key = await keys.verifier(kid)
  if (key === undefined) return undefined
  const options = {
    algorithms: [algorithm],
    typ: type,
    issuer: settings.issuer,
    audience,
    requiredClaims: ['sub', 'sid', 'iat', 'exp', 'jti'],
    clockTolerance: leewayS,
    currentDate: new Date(now),
  }
  const verified = await jwtVerify(token, key, options).catch(() => undefined)
  return verified === undefined ? undefined : { userId: sub, sessionId: sid, tenantId: tenant, expiresAt: exp * 1000 }
}

/** Of a token whose header is, byte by byte, the one that we would write. */
function kidOf(token: string): string | undefined {
  const parts = token.length > mostCharacters ? [] : token.split('.')
  if (parts.length !== 3 || !parts.every(isCanonical)) return undefined
  const header = textOf(parts[0])
  const kid = /^\{"alg":"EdDSA","typ":"at\+jwt","kid":"([A-Za-z0-9-]+)"\}$/.exec(header)?.[1]
  if (kid === undefined || kid.length > mostKidCharacters) return undefined
  return header === JSON.stringify(headerOf(kid)) ? kid : undefined
}

function claimsOf(token: string): z.infer<typeof claimShape> | undefined {
  const text = textOf(token.split('.')[1])
  try {
    const value: unknown = JSON.parse(text)
    // Claims that are there twice, or written in another way, do not come out as they went in.
    if (JSON.stringify(value) !== text) return undefined
    return claimShape.safeParse(value).data
  } catch {
    return undefined
  }
}

/** Base64url has spellings that mean the same: only the one that encoding gives is taken. */
function isCanonical(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part
}

function textOf(part: string | undefined): string {
  return Buffer.from(part ?? '', 'base64url').toString('utf8')
}
