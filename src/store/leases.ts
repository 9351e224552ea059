import type { SystemTransaction } from './transactions.ts'

/**
 * What one process does for all, as long as it renews it. All times are the database's: the clocks of the processes need not
 * agree. Whoever holds a lease must stop by itself when it could not renew it in time, since another one takes it then.
 */
export interface Lease {
  readonly name: string
  /** No two holders have the same, not even one after the other. */
  readonly holder: string
  readonly ttlMs: number
}

/** Takes or renews it. A lease that ends in the far future is from before the clock was set back, and holds nobody up. */
export async function takeLease(tx: SystemTransaction, { name, holder, ttlMs }: Lease): Promise<boolean> {
  const rows = await tx`
    INSERT INTO leases AS l (name, holder, expires_at)
    VALUES (${name}, ${holder}, clock_timestamp() + ${ttlMs} * interval '1 ms')
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = clock_timestamp() + ${ttlMs} * interval '1 ms'
      WHERE l.holder = excluded.holder
        OR l.expires_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + ${2 * ttlMs} * interval '1 ms'
    RETURNING name`
  return rows.length > 0
}

/** So that another process need not wait for its end. */
export async function releaseLease(tx: SystemTransaction, { name, holder }: Omit<Lease, 'ttlMs'>): Promise<void> {
  await tx`DELETE FROM leases WHERE name = ${name} AND holder = ${holder}`
}
