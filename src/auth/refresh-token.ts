import { createHash, randomBytes } from 'node:crypto'
import { seal, unseal } from './sealing.ts'
import { deriveKey } from '../secret.ts'

/** Refresh tokens: 256 random bits behind a prefix that scanners find. They are kept as SHA-256 alone. */
const tokenBytes = 32
const pattern = /^bwr_[A-Za-z0-9_-]{43}$/

export function newRefreshToken(): string {
  return `bwr_${randomBytes(tokenBytes).toString('base64url')}`
}

export function isRefreshToken(text: string): boolean {
  return pattern.test(text)
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/**
 * The successor of a token, for whoever shows that token again: encrypted under a key that only it gives, so that the
 * database alone tells nothing.
 */
export function sealSuccessor(
  token: string,
  { successor, sessionId }: { successor: string; sessionId: string },
): Buffer {
  return seal(successorKey(token), Buffer.from(successor), sessionId)
}

export function unsealSuccessor(
  token: string,
  { sealed, sessionId }: { sealed: Buffer; sessionId: string },
): string | undefined {
  return unseal(successorKey(token), sealed, sessionId)?.toString('utf8')
}

function successorKey(token: string): Buffer {
  return deriveKey(token, 'refresh successor')
}
