import { dropOldestEvents, tenantsWithEvents } from '../store/event-retention.ts'
import type { JobContext } from './job.ts'

/** Events of one transaction: a few milliseconds for which the tenant's readings wait. */
const eventsAtATime = 500

/**
 * Drops the events whose inputs have gone, once they are `days` days old; 0 keeps them for ever. Some at a time, each of
 * which may be the last ones that this process drops.
 *
 * @returns how many
 */
export async function dropOldEvents(
  { database, signal }: Pick<JobContext, 'database' | 'signal'>,
  { days }: { days: number },
): Promise<number> {
  if (days === 0) return 0
  let events = 0
  for (const tenantId of await database.withSystem(tenantsWithEvents)) {
    for (let more = true; more;) {
      signal.throwIfAborted()
      // oxlint-disable-next-line no-await-in-loop -- some at a time
      const dropped = await database.withSystem((tx) => dropOldestEvents(tx, { tenantId, days, limit: eventsAtATime }))
      events += dropped
      more = dropped === eventsAtATime
    }
  }
  return events
}
