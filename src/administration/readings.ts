import { requirePermission, type Actor } from '../auth/principal.ts'
import type { Outcome } from '../store/books.ts'
import { selectExplainedSpace } from '../store/explain-space.ts'
import { searchReadings, selectDeviceIds, type Found, type ReadingKey } from '../store/reading-search.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { requireTopicPattern } from './topic-filters.ts'

export interface ReadingQuery {
  /** An MQTT topic filter. */
  readonly topic: string | undefined
  /** By its code. */
  readonly device: string | undefined
  readonly spaceId: string | undefined
  readonly outcomes: readonly Outcome[] | undefined
  readonly from: number
  readonly to: number
  readonly before: ReadingKey | undefined
  readonly limit: number
  readonly signal: AbortSignal
}

/** Searches the log of the actor's tenant, the newest first. */
export async function findReadings(
  tx: TenantTransaction,
  actor: Actor,
  { topic, device, spaceId, outcomes, from, to, before, limit, signal }: ReadingQuery,
): Promise<Found> {
  requirePermission(actor, 'readings:read')
  const pattern = topic === undefined ? undefined : requireTopicPattern(topic, 'topic')
  const space = spaceId === undefined ? undefined : await selectExplainedSpace(tx, { id: spaceId })
  if (spaceId !== undefined && space === undefined) return { readings: [], next: undefined }
  const named = device === undefined ? undefined : { code: device, ids: await selectDeviceIds(tx, device) }
  const filter = { topic: pattern, device: named, space, outcomes, from, to }
  return await searchReadings(tx, { filter, before, limit, signal })
}
