import type { Clock } from '../clock.ts'
import { nextDeadline } from '../occupancy/state.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { SpaceWriter, type SteppedSpace, type WriterMemory } from '../store/writer.ts'

/** Most spaces that one transaction steps, so that a sweep after a long stop does not hold its locks for long. */
const spacesPerTransaction = 500

/**
 * Feeds evidence deadlines that are due to their spaces, each with its own time: what was due while nothing ran
 * fires now, as if it had fired then. Any number of processes may sweep at once: each takes spaces that nobody else has
 * locked, and so none waits, nor can two of them wait for each other.
 *
 * @returns how many deadlines fired
 */
export async function sweepDeadlines(context: {
  database: SystemDatabase
  memory: WriterMemory
  clock: Clock
}): Promise<number> {
  let fired = 0
  for (let more = true; more;) {
    const swept = await sweepOnce(context)
    fired += swept.fired
    more = swept.spaces === spacesPerTransaction && swept.fired > 0
  }
  return fired
}

async function sweepOnce({ database, memory, clock }: Parameters<typeof sweepDeadlines>[0]) {
  const now = clock.now()
  return await database.withSystem(async (tx) => {
    const due = await tx<{ tenant_id: string; space_id: string }[]>`
      SELECT tenant_id, space_id FROM space_states
      WHERE next_deadline_at <= to_timestamp(${now}::bigint / 1000.0)
      ORDER BY next_deadline_at LIMIT ${spacesPerTransaction}
      FOR UPDATE SKIP LOCKED`
    if (due.length === 0) return { spaces: 0, fired: 0 }
    const keys = due.map((row) => ({ tenantId: row.tenant_id, spaceId: row.space_id }))
    const writer = await SpaceWriter.lock(tx, memory, keys)
    let fired = 0
    for (const space of writer.spaces) fired += fireDue(writer, space, now)
    await writer.writeStates(now)
    await writer.writeEvents(now)
    return { spaces: due.length, fired }
  })
}

/** A reading may have moved a deadline before the lock was there: only the locked state says what is due. */
function fireDue(writer: SpaceWriter, space: SteppedSpace, now: number): number {
  let fired = 0
  for (let next = nextDeadline(space.state); next !== null && next.at <= now; next = nextDeadline(space.state)) {
    writer.step(space, { kind: 'deadline', ...next })
    fired += 1
  }
  return fired
}
