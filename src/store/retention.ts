import type { SnapshotTransaction, SystemDatabase, SystemTransaction } from './transactions.ts'

/** The days of arrival that the log has a partition for, the oldest first, as `2026-11-21`. */
export async function loggedDays(tx: SnapshotTransaction): Promise<string[]> {
  const rows = await tx<{ day: string }[]>`
    SELECT to_char(to_date(substring(c.relname FROM 'readings_([0-9]{8})$'), 'YYYYMMDD'), 'YYYY-MM-DD') AS day
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.readings'::regclass AND c.relname ~ '^readings_[0-9]{8}$'
    ORDER BY c.relname`
  return rows.map((row) => row.day)
}

/**
 * Those of them that have been over for `days` days, by the clock of the database: one process whose clock is wrong
 * must not drop what others still need.
 */
export async function daysToDrop(tx: SystemTransaction, days: number): Promise<string[]> {
  const [row] = await tx<{ first: string }[]>`
    SELECT to_char((now() AT TIME ZONE 'UTC')::date - ${days}::integer, 'YYYY-MM-DD') AS first`
  const logged = await loggedDays(tx)
  return logged.filter((day) => day < (row?.first ?? ''))
}

/** Longest that such work may compute between two statements; of a process that is gone the transaction ends then. */
const idleMinutes = 10

/** For work over a whole day of the log, which no limit on statements is made for. Only a `patient` client waits for it. */
export async function withoutTimeout(tx: SystemTransaction): Promise<void> {
  await tx`SELECT set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', ${`${idleMinutes}min`}, true)`
}

/**
 * Drops the readings that arrived on a day, with their books and the other inputs up to then: all or nothing. Every space
 * concerned must have a checkpoint (SQLSTATE 55000 where one has none). Throws 55P03 where the log could not be locked
 * at once: try again.
 *
 * @returns false where that day has been dropped already
 */
export async function dropDay(database: SystemDatabase, day: string): Promise<boolean> {
  const { answer } = await database.withSystem(async (tx) => {
    await withoutTimeout(tx)
    const sent = tx<{ dropped: boolean }[]>`SELECT drop_reading_partition(${day}) AS dropped`.execute()
    // Not awaited: COMMIT is sent right behind it, so that the lock on the log does not wait for this process.
    sent.catch(() => {})
    return { answer: sent }
  })
  // Postgres answers the COMMIT of a failed statement with a rollback, not with an error.
  const [row] = await answer
  return row?.dropped ?? false
}
