import type { Clock } from '../clock.ts'
import { lockSpacesWithDueReservations } from '../store/due-reservations.ts'
import { settleReservations, type FedPhases, type Settled } from '../store/reservation-calendar.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { SpaceWriter, type WriterMemory } from '../store/writer.ts'

/** Most spaces that one transaction steps, as with deadlines. */
const spacesPerTransaction = 500

export interface CalendarContext {
  database: SystemDatabase
  memory: WriterMemory
  clock: Clock
}

/**
 * Feeds the moments of reservations that are due, each with its own time: what was due while nothing ran happens now, as if
 * it had happened then. Any number of processes may sweep at once: each takes spaces that nobody else has locked, and under that lock each moment comes once.
 */
export async function sweepReservations(context: CalendarContext): Promise<Settled> {
  const total = { changed: 0, fed: {} as FedPhases }
  for (let more = true; more;) {
    const swept = await sweepOnce(context)
    total.changed += swept.changed
    addPhases(total.fed, swept.fed)
    more = swept.due === spacesPerTransaction && swept.changed > 0
  }
  return total
}

async function sweepOnce({ database, memory, clock }: CalendarContext) {
  const now = clock.now()
  return await database.withSystem(async (tx) => {
    const due = await lockSpacesWithDueReservations(tx, { now, limit: spacesPerTransaction })
    if (due.length === 0) return { due: 0, changed: 0, fed: {} }
    const writer = await SpaceWriter.lock(tx, memory, distinct(due))
    const settled = await settleReservations(tx, { writer, now })
    await writer.writeStates(now)
    await writer.writeEvents(now)
    return { due: due.length, ...settled }
  })
}

/** A space may have several reservations that are due. */
function distinct<Key extends { spaceId: string }>(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [key.spaceId, key])).values()]
}

export function addPhases(total: FedPhases, more: FedPhases): void {
  for (const [phase, count] of Object.entries(more)) {
    const name = phase as keyof FedPhases
    total[name] = (total[name] ?? 0) + count
  }
}
