import { createHash, randomBytes } from 'node:crypto'

/** What an invited person shows: 256 random bits. Kept of it is the SHA-256, which nobody can turn round. */
const tokenBytes = 32
const tokenPattern = /^[A-Za-z0-9_-]{43}$/

export function makeInviteToken(): { token: string; tokenHash: Buffer } {
  const token = randomBytes(tokenBytes).toString('base64url')
  return { token, tokenHash: hashOf(token) }
}

/** Undefined for what cannot be a token; one token has one spelling. */
export function inviteTokenHash(token: string): Buffer | undefined {
  const canonical = tokenPattern.test(token) && Buffer.from(token, 'base64url').toString('base64url') === token
  return canonical ? hashOf(token) : undefined
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
