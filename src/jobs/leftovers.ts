import { removeLeftovers } from '../store/leftovers.ts'
import type { JobContext, JobOutcome } from './job.ts'

/** Removes answers to Idempotency-Keys that are not kept any more, windows of rate limits and redrives that have ended. */
export async function sweepLeftovers({ database }: Pick<JobContext, 'database'>): Promise<JobOutcome> {
  return { result: 'succeeded', detail: await database.withSystem(removeLeftovers) }
}
