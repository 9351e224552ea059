import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 12
const positionBytes = 8

export interface CursorKeys {
  /** 32 bytes each, for this purpose alone. */
  encryption: Buffer
  nonce: Buffer
}

/**
 * A place in the events of one tenant, for those outside: the same for the same event, wherever it is shown. It is
 * encrypted, because a position would tell how much happens in a tenant, and bound to the tenant. Its nonce is made of
 * what it encrypts (as in RFC 8452), so that equal positions give equal cursors and no two share a nonce.
 */
export class Cursors {
  readonly #keys: CursorKeys

  constructor(keys: CursorKeys) {
    this.#keys = keys
  }

  of(tenantId: string, position: number): string {
    const plaintext = Buffer.alloc(positionBytes)
    plaintext.writeBigUInt64BE(BigInt(position))
    const nonce = createHmac('sha256', this.#keys.nonce)
      .update(tenantId)
      .update(plaintext)
      .digest()
      .subarray(0, nonceBytes)
    const cipher = createCipheriv(algorithm, this.#keys.encryption, nonce, { authTagLength: tagBytes })
    cipher.setAAD(Buffer.from(tenantId))
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
    return Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]).toString('base64url')
  }

  /** Undefined where it is none, or that of another tenant. */
  positionOf(tenantId: string, cursor: string): number | undefined {
    const bytes = Buffer.from(cursor, 'base64url')
    if (bytes.length !== nonceBytes + positionBytes + tagBytes || bytes.toString('base64url') !== cursor)
      return undefined
    const decipher = createDecipheriv(algorithm, this.#keys.encryption, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    })
    decipher.setAAD(Buffer.from(tenantId))
    decipher.setAuthTag(bytes.subarray(nonceBytes + positionBytes))
    try {
      const plaintext = Buffer.concat([
        decipher.update(bytes.subarray(nonceBytes, nonceBytes + positionBytes)),
        decipher.final(),
      ])
      return Number(plaintext.readBigUInt64BE())
    } catch {
      return undefined
    }
  }
}
