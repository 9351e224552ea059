import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { newId } from '../ids.ts'
import { spendTicket } from '../store/spent-tickets.ts'
import type { TenantDatabase } from '../store/transactions.ts'

/** How long a ticket is good. */
export const ticketLifeMs = 30_000

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const mostCharacters = 1024

/** Who it is for, and nothing of what they showed for it. */
const holder = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('user'),
    userId: z.string(),
    sessionId: z.string(),
    readOnly: z.boolean().optional(),
    expiresAt: z.number().optional(),
  }),
  z.object({ kind: z.literal('api_key'), apiKeyId: z.string(), expiresAt: z.number().optional() }),
])
export type TicketHolder = z.output<typeof holder>

const contents = z.object({ id: z.string(), tenantId: z.string(), until: z.number(), holder })
export type Ticket = z.output<typeof contents>

export interface TicketsOptions {
  tenants: Pick<TenantDatabase, 'withTenant'>
  /** 32 bytes, for this purpose alone; equal in all processes. */
  key: Buffer
  now?: () => number
}

/**
 * Tickets for a WebSocket, whose URL is written to logs on its way: each good once, for half a minute, and for nothing else. A
 * ticket is encrypted and says itself who it is for; the database keeps only which ones were spent.
 */
export class Tickets {
  readonly #options: TicketsOptions
  readonly #now: () => number

  constructor(options: TicketsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  issue(tenantId: string, holderOf: TicketHolder): { ticket: string; expiresAt: Date } {
    const until = this.#now() + ticketLifeMs
    const text = JSON.stringify({ id: newId(), tenantId, until, holder: holderOf } satisfies Ticket)
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv(algorithm, this.#options.key, nonce, { authTagLength: tagBytes })
    const encrypted = Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()])
    return { ticket: encrypted.toString('base64url'), expiresAt: new Date(until) }
  }

  /** Undefined for what is no ticket of ours, or not any more. It may have been spent. */
  read(ticket: string): Ticket | undefined {
    if (ticket.length > mostCharacters) return undefined
    const bytes = Buffer.from(ticket, 'base64url')
    if (bytes.length < nonceBytes + tagBytes || bytes.toString('base64url') !== ticket) return undefined
    const text = this.#decrypt(bytes)
    const read = text === undefined ? undefined : contents.parse(JSON.parse(text))
    return read !== undefined && this.#now() < read.until ? read : undefined
  }

  /** Once, whichever process is asked, however many at a time. */
  async spend({ tenantId, id, until }: Ticket): Promise<boolean> {
    return await this.#options.tenants.withTenant(tenantId, (tx) => spendTicket(tx, { id, expiresAt: new Date(until) }))
  }

  #decrypt(bytes: Buffer): string | undefined {
    const decipher = createDecipheriv(algorithm, this.#options.key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    })
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    try {
      return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
    } catch {
      return undefined
    }
  }
}
