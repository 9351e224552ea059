import { addPhases, type CalendarContext } from './reservations.ts'
import { advanceCursor, spacesWithNews, tenantsWithNews } from '../store/due-reservations.ts'
import { settleReservations, type FedPhases, type Settled } from '../store/reservation-calendar.ts'
import { SpaceWriter } from '../store/writer.ts'

/** Most spaces that one transaction steps, as with deadlines. */
const spacesPerTransaction = 500

/**
 * Follows the events of all tenants that have a space watched for a reservation, and applies what the sensors said to those:
 * who came, who left, who stands there. Ingest knows nothing of reservations. The cursor moves in the transaction of the
 * effects and says only where there is something new: what was applied to a reservation is known by its own row, under
 * the lock of its space, so any number of processes may follow, and one that dies half-way has done nothing.
 */
export async function followEvidence(context: CalendarContext): Promise<Settled> {
  const total = { changed: 0, fed: {} as FedPhases }
  const tenantIds = await context.database.withSystem(tenantsWithNews)
  for (const tenantId of tenantIds) {
    for (let more = true; more;) {
      const followed = await followOnce(context, tenantId)
      total.changed += followed.changed
      addPhases(total.fed, followed.fed)
      more = followed.more
    }
  }
  return total
}

async function followOnce({ database, memory, clock }: CalendarContext, tenantId: string) {
  const now = clock.now()
  return await database.withSystem(async (tx) => {
    const { position, spaces } = await spacesWithNews(tx, { tenantId, limit: spacesPerTransaction })
    const writer = await SpaceWriter.lock(tx, memory, spaces)
    const settled = await settleReservations(tx, { writer, now })
    const more = spaces.length === spacesPerTransaction && settled.changed > 0
    await writer.writeStates(now)
    if (!more) await advanceCursor(tx, { tenantId, position })
    await writer.writeEvents(now)
    return { ...settled, more }
  })
}
