import { sql } from 'drizzle-orm'
import type { AccountTransaction } from './transactions.ts'

/** How much was sent to one destination, in `rate_limits`: a row for each window, which goes by when it is over. */
export interface SendWindow {
  most: number
  seconds: number
}

/**
 * Counts one more message to `destination` where all windows have room for it; false, and nothing is counted, where
 * one has not. Of several at once for one destination each waits for the one before it.
 */
export async function countMessage(
  tx: AccountTransaction,
  { destination, windows }: { destination: string; windows: readonly SendWindow[] },
): Promise<boolean> {
  const prefix = `sent:${destination}`
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${prefix}, 0))`)
  const keyOf = ({ seconds }: SendWindow) => `${prefix}:${seconds}`
  const keys = sql.join(
    windows.map((window) => sql`${keyOf(window)}`),
    sql`, `,
  )
  const rows = await tx.execute<{ key: string; points: number }>(sql`
    select key, points from rate_limits where key in (${keys}) and expire > clock_timestamp()`)
  const sent = new Map(rows.map(({ key, points }) => [key, points]))
  if (windows.some((window) => (sent.get(keyOf(window)) ?? 0) >= window.most)) return false
  for (const window of windows) {
    // oxlint-disable-next-line no-await-in-loop -- statements of one transaction
    await tx.execute(sql`
      insert into rate_limits as r (key, points, expire)
      values (${keyOf(window)}, 1, clock_timestamp() + make_interval(secs => ${window.seconds}))
      on conflict (key) do update set
        points = case when r.expire > clock_timestamp() then r.points + 1 else 1 end,
        expire = case when r.expire > clock_timestamp() then r.expire else excluded.expire end`)
  }
  return true
}

/** Windows that are over, of destinations that were written to once. */
export async function dropOldWindows(tx: AccountTransaction): Promise<void> {
  await tx.execute(sql`delete from rate_limits where expire < now() and starts_with(key, 'sent:')`)
}
