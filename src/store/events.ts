import { and, asc, eq, gt } from 'drizzle-orm'
import type { VisibleState } from '../occupancy/state.ts'
import { sites, spaces } from './schema/places.ts'
import { eventHeads, spaceEvents } from './schema/states.ts'
import type { TenantTransaction } from './transactions.ts'

/** The visible state as an event keeps it: times in RFC 3339. */
export type RecordedState = Omit<VisibleState, 'since' | 'observed_at'> & {
  since: string | null
  observed_at: string | null
}

/** One row of `space_events`, and where its space is. */
export interface RecordedEvent {
  /** Its place in the order of the tenant's commits. Gaps mean nothing. */
  position: number
  spaceId: string
  /** Undefined together: the space is not there any more. */
  siteId: string | null
  space: string | null
  site: string | null
  eventTime: Date
  recordedAt: Date
  kind: string
  cause: { type: string; id?: string }
  rule: string
  state: RecordedState
}

/** The position of the tenant's last committed event; 0 where there never was one. */
export async function eventHead(tx: TenantTransaction): Promise<number> {
  const [head] = await tx
    .select({ position: eventHeads.position })
    .from(eventHeads)
    .where(eq(eventHeads.tenantId, tx.tenantId))
  return head?.position ?? 0
}

/**
 * The tenant's events behind a position, in the order of their commits. Complete: a position is given out under a lock that
 * is held until COMMIT, so none below one that was seen appears later.
 */
export async function eventsBehind(
  tx: TenantTransaction,
  { after, limit }: { after: number; limit: number },
): Promise<RecordedEvent[]> {
  const rows = await tx
    .select({
      position: spaceEvents.position,
      spaceId: spaceEvents.spaceId,
      siteId: spaces.siteId,
      space: spaces.code,
      site: sites.code,
      eventTime: spaceEvents.eventTime,
      recordedAt: spaceEvents.recordedAt,
      kind: spaceEvents.kind,
      cause: spaceEvents.cause,
      rule: spaceEvents.rule,
      state: spaceEvents.state,
    })
    .from(spaceEvents)
    .leftJoin(spaces, and(eq(spaces.tenantId, spaceEvents.tenantId), eq(spaces.id, spaceEvents.spaceId)))
    .leftJoin(sites, and(eq(sites.tenantId, spaces.tenantId), eq(sites.id, spaces.siteId)))
    .where(and(eq(spaceEvents.tenantId, tx.tenantId), gt(spaceEvents.position, after)))
    .orderBy(asc(spaceEvents.position))
    .limit(limit)
  return rows as RecordedEvent[]
}
