import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * API keys: `bw_`, 256 random bits, and a checksum, so that scanners for leaked keys find them and know a mistyped one. What
 * is kept is the SHA-256: nobody guesses 256 random bits, so nothing slower is needed.
 */
const secretBytes = 32
const shownCharacters = 9
const pattern = /^(bw_[A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/

export function newApiKey(): string {
  const body = `bw_${randomBytes(secretBytes).toString('base64url')}`
  return `${body}${checksumOf(body)}`
}

/** Whether it may be a key at all, as far as it tells by itself. */
export function isApiKey(text: string): boolean {
  const [, body = '', checksum] = pattern.exec(text) ?? []
  return checksum !== undefined && checksumOf(body) === checksum
}

export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

/** What may be shown of it, for people to tell keys apart. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, shownCharacters)
}

function checksumOf(body: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(body))
  return bytes.toString('base64url')
}
