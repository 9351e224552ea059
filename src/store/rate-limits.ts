import { createHash } from 'node:crypto'
import { plain, plainOf } from './arrays.ts'
import type { ConnectOptions, Sql } from './client.ts'
import { LastingClient } from './lasting-client.ts'

/** What may be used up within a window that begins with its first use. */
export interface Bucket {
  /** Of whom and for what. Kept as its hash, since it may name an account or an address. */
  readonly key: string
  readonly limit: number
  readonly windowS: number
}

export interface BucketState {
  readonly remaining: number
  /** Until all of it is there again, in milliseconds. */
  readonly resetMs: number
}

export interface Take {
  readonly allowed: boolean
  /** In the order of the buckets. */
  readonly states: readonly BucketState[]
}

/**
 * Limits that all processes share. One is taken out of every bucket, or out of none where any is empty: who is refused by the
 * minute does not use up their day. One statement, which is a transaction of its own: it counts whatever becomes of
 * the request.
 */
export interface RateLimitStore {
  take(buckets: readonly Bucket[]): Promise<Take>
  close(): Promise<void>
}

interface Row {
  allowed: boolean
  points: number
  reset_ms: number
}

/** Has connections of its own, so that whoever is refused waits for nobody who is served. */
export function rateLimitStore(options: Omit<ConnectOptions, 'role'>): RateLimitStore {
  let sql: Sql
  const client = new LastingClient({ ...options, role: 'baywire_api' }, (opened) => {
    sql = opened
  })
  return {
    async take(buckets) {
      const keys = buckets.map(({ key }) => createHash('sha256').update(key).digest('base64url'))
      try {
        const rows = await sql<Row[]>`
          SELECT allowed, points, reset_ms FROM take_rate_limits(
            ${plain(keys)}::text[], ${plainOf(buckets, ({ limit }) => limit)}::int[],
            ${plainOf(buckets, ({ windowS }) => windowS)}::int[])`
        const states = rows.map(({ points, reset_ms: resetMs }, i) => ({
          remaining: Math.max(0, (buckets[i]?.limit ?? 0) - points),
          resetMs,
        }))
        return { allowed: rows.every(({ allowed }) => allowed), states }
      } catch (error) {
        client.noteLoss(error)
        throw error
      }
    },
    close: () => client.close(),
  }
}
