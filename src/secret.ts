import { hkdfSync } from 'node:crypto'

const keyBytes = 32

/**
 * A key of its own for each purpose, out of the one secret of the installation (HKDF with SHA-256, RFC 5869): none of
 * them tells anything of another, nor of the secret.
 */
export function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `baywire ${purpose}`, keyBytes))
}
