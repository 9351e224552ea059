import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { z } from 'zod'
import type { TailPlace } from '../store/reading-tail.ts'
import type { CursorKeys } from './cursor.ts'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const mostCharacters = 8192

/** Of what a cursor was made of, as it is in this version alone. */
const contents = z.object({
  /** When, in epoch milliseconds. */
  at: z.int(),
  after: z.string(),
  upTo: z.string().optional(),
  key: z.tuple([z.int(), z.string(), z.int()]).optional(),
})

/** A place in the tail of readings, and when it was the place. */
export interface TailMark extends TailPlace {
  readonly at: number
}

/**
 * Places in the tail of readings for those outside. Encrypted, because a snapshot tells how much happens in all of the database,
 * and bound to the tenant; equal places give equal cursors, as in cursor.ts.
 */
export class TailCursors {
  readonly #keys: CursorKeys

  constructor(keys: CursorKeys) {
    this.#keys = keys
  }

  of(tenantId: string, { at, after, within }: TailMark): string {
    const key = within && [within.key.receivedAt, within.key.id, within.key.part]
    const plaintext = JSON.stringify({ at, after, upTo: within?.upTo, key })
    const nonce = createHmac('sha256', this.#keys.nonce)
      .update(tenantId)
      .update(plaintext)
      .digest()
      .subarray(0, nonceBytes)
    const cipher = createCipheriv(algorithm, this.#keys.encryption, nonce, { authTagLength: tagBytes })
    cipher.setAAD(Buffer.from(tenantId))
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** Undefined where it is none, or that of another tenant. */
  read(tenantId: string, cursor: string): TailMark | undefined {
    if (cursor.length > mostCharacters) return undefined
    const bytes = Buffer.from(cursor, 'base64url')
    if (bytes.length < nonceBytes + tagBytes || bytes.toString('base64url') !== cursor) return undefined
    const text = this.#decrypt(tenantId, bytes)
    if (text === undefined) return undefined
    const { at, after, upTo, key } = contents.parse(JSON.parse(text))
    if (upTo === undefined || key === undefined) return { at, after }
    return { at, after, within: { upTo, key: { receivedAt: key[0], id: key[1], part: key[2] } } }
  }

  #decrypt(tenantId: string, bytes: Buffer): string | undefined {
    const nonce = bytes.subarray(0, nonceBytes)
    const decipher = createDecipheriv(algorithm, this.#keys.encryption, nonce, { authTagLength: tagBytes })
    decipher.setAAD(Buffer.from(tenantId))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    try {
      return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
    } catch {
      return undefined
    }
  }
}
