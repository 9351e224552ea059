import { removeLeftovers } from '../store/leftovers.ts'
import { mostOrphans, removeOldestOrphans } from '../store/orphans.ts'
import type { JobContext, JobOutcome } from './job.ts'

type Context = Pick<JobContext, 'database' | 'signal'>

/**
 * Removes answers to Idempotency-Keys that are not kept any more, windows of rate limits and redrives that have ended, and
 * orphans that are too many.
 */
export async function sweepLeftovers(context: Context): Promise<JobOutcome> {
  const removed = await context.database.withSystem(removeLeftovers)
  return { result: 'succeeded', detail: { ...removed, orphans: await sweepOrphans(context) } }
}

/** Orphans of one transaction: ingest waits for it where it hears one of them. */
const orphansAtATime = 10_000
/** The rest is left to the next run: whoever makes them up makes more meanwhile. */
const mostTransactions = 20

export async function sweepOrphans(
  { database, signal }: Context,
  { most = mostOrphans, atATime = orphansAtATime }: { most?: number; atATime?: number } = {},
): Promise<number> {
  let orphans = 0
  for (let transactions = 0; transactions < mostTransactions; transactions++) {
    signal.throwIfAborted()
    // oxlint-disable-next-line no-await-in-loop -- some at a time
    const removed = await database.withSystem((tx) => removeOldestOrphans(tx, { most, limit: atATime }))
    orphans += removed
    if (removed < atATime) break
  }
  return orphans
}
