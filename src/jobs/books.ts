import { compareBooks } from '../store/reconcile.ts'
import { withoutTimeout } from '../store/retention.ts'
import type { JobContext, JobOutcome } from './job.ts'

/**
 * The clocks of ingest, which date readings, and of the database, which dates runs, may differ by so much. A batch that
 * could not be committed for long is no concern: while the database was away, no run was good either.
 */
const overlapMs = 600_000

/**
 * Compares the ledger with the log, over all since the last run that found them equal; over all that is kept where there
 * was none. A difference is so found again by each run until it is resolved.
 */
export async function reconcileBooks({ database, log, state }: JobContext): Promise<JobOutcome> {
  const goodUntil = state?.lastGood?.startedAt
  const since = goodUntil === undefined ? undefined : goodUntil - overlapMs
  const { imbalance } = await database.withSnapshot(async (tx) => {
    await withoutTimeout(tx)
    return await compareBooks(tx, { since })
  })
  const detail = { since: since === undefined ? null : new Date(since).toISOString(), imbalance }
  if (imbalance === 0) return { result: 'succeeded', detail }
  log.error(detail, 'the ledger and the log differ: see `baywire ledger` of each tenant')
  return { result: 'found', detail }
}
