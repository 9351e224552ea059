import type { Actor } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import { endDueOverrides, endOverrides, type Override } from '../store/overrides.ts'
import type { TenantWriterTransaction } from '../store/transactions.ts'
import { SpaceWriter, type WriterMemory } from '../store/writer.ts'

/** What spaces are stepped with. */
export interface Stepping {
  memory: WriterMemory
  clock: Clock
}

export interface LockedSpaces {
  writer: SpaceWriter
  /** Read with the locks held, so that it is not earlier than what the spaces have seen of other operators. */
  at: number
}

/**
 * Locks the spaces. An override there whose end has come and that no sweep has ended yet ends first, at its own time,
 * so that what follows does not depend on when the sweep ran. What was stepped is still to be written.
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
    if (space !== undefined) {
      writer.step(space, { kind: 'override', override: 'none', at: endsAt.getTime(), user: null })
    }
  }
  return { writer, at }
}

/** What is in force at a locked space ends, and the space is stepped. What was stepped is still to be written. */
export async function endInForce(
  tx: TenantWriterTransaction,
  actor: Actor,
  { writer, at, spaceId }: LockedSpaces & { spaceId: string },
): Promise<Override | undefined> {
  const [ended] = await endOverrides(tx, { spaceIds: [spaceId], at })
  const space = writer.space(spaceId)
  if (ended === undefined || space === undefined) return undefined
  writer.step(space, { kind: 'override', override: 'none', at, user: userOf(actor) })
  return ended
}

/** How the cause of the space's event names who did it. */
export function userOf({ principal }: Actor): string {
  return principal.kind === 'user' ? principal.userId : `api_key:${principal.apiKeyId}`
}
