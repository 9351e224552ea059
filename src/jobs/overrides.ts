import type { Clock } from '../clock.ts'
import { endDueOverrides, lockSpacesWithDueOverrides } from '../store/overrides.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { SpaceWriter, type WriterMemory } from '../store/writer.ts'

/** Most spaces that one transaction steps, as with deadlines. */
const spacesPerTransaction = 500

/**
 * Ends overrides whose end has come, each with its own time: what ended while nothing ran ends now, as if it had ended
 * then. Any number of processes may sweep at once; under the lock of its space each override is ended once.
 *
 * @returns how many ended
 */
export async function sweepOverrides(context: {
  database: SystemDatabase
  memory: WriterMemory
  clock: Clock
}): Promise<number> {
  let ended = 0
  for (let more = true; more;) {
    const swept = await sweepOnce(context)
    ended += swept.ended
    more = swept.spaces === spacesPerTransaction && swept.ended > 0
  }
  return ended
}

async function sweepOnce({ database, memory, clock }: Parameters<typeof sweepOverrides>[0]) {
  const now = clock.now()
  return await database.withSystem(async (tx) => {
    const spaces = await lockSpacesWithDueOverrides(tx, { now, limit: spacesPerTransaction })
    if (spaces.length === 0) return { spaces: 0, ended: 0 }
    const writer = await SpaceWriter.lock(tx, memory, spaces)
    const due = await endDueOverrides(tx, { spaces, now })
    for (const { spaceId, endsAt } of due) {
      const space = writer.space(spaceId)
      if (space === undefined) throw new Error('an override of a space that was not locked')
      writer.step(space, { kind: 'override', override: 'none', at: endsAt.getTime(), user: null })
    }
    await writer.writeStates(now)
    await writer.writeEvents(now)
    return { spaces: spaces.length, ended: due.length }
  })
}
