import type { Clock } from '../clock.ts'
import { endDueOverrides } from '../store/overrides.ts'
import { settleReservations } from '../store/reservation-calendar.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { SpaceWriter, type WriterMemory } from '../store/writer.ts'

/** What spaces are stepped with. */
export interface Stepping {
  memory: WriterMemory
  clock: Clock
}

export interface LockedSpaces {
  writer: SpaceWriter
  /** Read with the locks held, so that it is not earlier than what the spaces have seen. */
  at: number
}

/**
 * Locks the spaces, together, so that their order is that of everybody. What is due there happens first, at its own time,
 * whether or not the jobs role came by: overrides end, holds expire, bookings begin, end and give way to no-shows. What was
 * stepped is still to be written.
 */
export async function lockSpaces(
  tx: TenantWriterTransaction,
  { memory, clock }: Stepping,
  spaceIds: readonly string[],
): Promise<LockedSpaces> {
  const keys = spaceIds.map((spaceId) => ({ tenantId: tx.tenantId, spaceId }))
  const writer = await SpaceWriter.lock(tx, memory, keys)
  const at = clock.now()
  for (const { spaceId, endsAt } of await endDueOverrides(tx, { spaces: keys, now: at })) {
    const space = writer.space(spaceId)
    if (space !== undefined)
      writer.step(space, { kind: 'override', override: 'none', at: endsAt.getTime(), user: null })
  }
  await settleReservations(tx, { writer, now: at })
  return { writer, at }
}

/**
 * After rows were written: what follows of them by itself, such as a booking that has begun already, or the next one that is
 * shown where another has left. Then states and events are written.
 */
export async function finish(tx: TenantWriterTransaction, { writer, at }: LockedSpaces): Promise<void> {
  await settleReservations(tx, { writer, now: at })
  await writer.writeStates(at)
  await writer.writeEvents(at)
}
