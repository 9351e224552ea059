import { setTimeout as pause } from 'node:timers/promises'
import { keepCheckpoints } from '../replay/checkpoints.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { removeOldRuns } from '../store/job-runs.ts'
import { daysToDrop, dropDay } from '../store/retention.ts'
import type { JobContext, JobOutcome } from './job.ts'

/** How often one day is tried before it is left to the next run. */
const triesPerDay = 50
/** Between two tries, so that whoever waited for the log behind us is served first. */
const [pauseMinMs, pauseMaxMs] = [200, 500]

/**
 * Drops the readings that arrived more than `days` days ago, day by day, the oldest first; 0 keeps all for ever. Each day in
 * two steps, of which either may be the last one that this process does: checkpoints of the spaces concerned, then
 * one transaction that takes the day away. Ingest waits for the second alone, and for 100 ms at most.
 */
export async function dropOldReadings(
  { database, log, signal }: Pick<JobContext, 'database' | 'log' | 'signal'>,
  { days }: { days: number },
): Promise<JobOutcome> {
  await database.withSystem(removeOldRuns)
  if (days === 0) return { result: 'succeeded', detail: { dropped: 0 } }
  const old = await database.withSystem((tx) => daysToDrop(tx, days))
  for (const day of old) {
    // oxlint-disable-next-line no-await-in-loop -- a later day's fold begins behind an earlier one's
    const spaces = await dropWithCheckpoints({ database, signal }, day)
    log.info({ day, spaces }, 'readings dropped')
  }
  return { result: 'succeeded', detail: { dropped: old.length, last: old.at(-1) ?? null } }
}

async function dropWithCheckpoints(
  { database, signal }: Pick<JobContext, 'database' | 'signal'>,
  day: string,
): Promise<number> {
  let spaces = 0
  for (let tries = 1; ; tries++) {
    // oxlint-disable no-await-in-loop -- tries
    try {
      spaces += await keepCheckpoints(database, { day, signal })
      await dropDay(database, day)
      return spaces
    } catch (error) {
      if (tries === triesPerDay || !mayPass(error)) throw error
    }
    await pause(pauseMinMs + Math.random() * (pauseMaxMs - pauseMinMs), undefined, { signal })
    // oxlint-enable no-await-in-loop
  }
}

/** The log was in use, or a reading was added to the day behind its checkpoint. */
function mayPass(error: unknown): boolean {
  return ['55P03', '55000', '40P01'].includes(errorCodeOf(error) ?? '')
}
