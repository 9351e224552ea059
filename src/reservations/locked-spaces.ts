import type { Clock } from '../clock.ts'
import { endDueOverrides } from '../store/overrides.ts'
import { expireHolds } from '../store/reservations.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { SpaceWriter, type SteppedSpace, type WriterMemory } from '../store/writer.ts'

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
 * Locks the spaces, together, so that their order is that of everybody. What is over there ends first, at its own time,
 * whether or not the jobs role came by: overrides, and holds that nobody confirmed. What was stepped is still to be written.
 */
export async function lockSpaces(
  tx: TenantWriterTransaction,
  { memory, clock }: Stepping,
  spaceIds: readonly string[],
): Promise<LockedSpaces> {
  const keys = spaceIds.map((spaceId) => ({ tenantId: tx.tenantId, spaceId }))
  const writer = await SpaceWriter.lock(tx, memory, keys)
  const at = clock.now()
  const [overrides, holds] = await Promise.all([
    endDueOverrides(tx, { spaces: keys, now: at }),
    expireHolds(tx, { spaceIds, now: at }),
  ])
  for (const { spaceId, endsAt } of overrides) {
    const space = writer.space(spaceId)
    if (space !== undefined)
      writer.step(space, { kind: 'override', override: 'none', at: endsAt.getTime(), user: null })
  }
  for (const { id, spaceId, holdExpiresAt } of holds) {
    const space = writer.space(spaceId)
    if (space !== undefined && holdExpiresAt !== null) release({ writer, space, id, at: holdExpiresAt.getTime() })
  }
  return { writer, at }
}

export interface InForce {
  writer: SpaceWriter
  space: SteppedSpace
  /** Of the reservation. */
  id: string
  at: number
}

/** Where the space shows this reservation, it does so no longer. */
export function release({ writer, space, id, at }: InForce): void {
  if (space.state.reservation.id === id) {
    writer.step(space, { kind: 'reservation', phase: 'released', reservation: id, at })
  }
}
