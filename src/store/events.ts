import { and, asc, eq, gt, sql } from 'drizzle-orm'
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
  /** Null together: the space is not there any more. */
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

const columns = {
  position: spaceEvents.position,
  spaceId: spaceEvents.spaceId,
  siteId: spaces.siteId,
  // Named here: both are called code, which a subquery could not tell apart.
  space: sql<string | null>`${spaces.code}`.as('space'),
  site: sql<string | null>`${sites.code}`.as('site'),
  eventTime: spaceEvents.eventTime,
  recordedAt: spaceEvents.recordedAt,
  kind: spaceEvents.kind,
  cause: spaceEvents.cause,
  rule: spaceEvents.rule,
  state: spaceEvents.state,
}

/** The position of the tenant's last committed event; 0 where there never was one. */
export async function eventHead(tx: TenantTransaction): Promise<number> {
  const [head] = await tx
    .select({ position: eventHeads.position })
    .from(eventHeads)
    .where(eq(eventHeads.tenantId, tx.tenantId))
  return head?.position ?? 0
}

interface Behind {
  after: number
  limit: number
  /** Only of this site, or of this space. */
  siteId?: string | undefined
  spaceId?: string | undefined
}

/**
 * The tenant's events behind a position, in the order of their commits. Complete: a position is given out under a lock that
 * is held until COMMIT, so none below one that was seen appears later.
 */
export async function eventsBehind(tx: TenantTransaction, behind: Behind): Promise<RecordedEvent[]> {
  return (await select(tx, behind)) as RecordedEvent[]
}

function select(tx: TenantTransaction, { after, limit, siteId, spaceId }: Behind) {
  return tx
    .select(columns)
    .from(spaceEvents)
    .leftJoin(spaces, and(eq(spaces.tenantId, spaceEvents.tenantId), eq(spaces.id, spaceEvents.spaceId)))
    .leftJoin(sites, and(eq(sites.tenantId, spaces.tenantId), eq(sites.id, spaces.siteId)))
    .where(
      and(
        eq(spaceEvents.tenantId, tx.tenantId),
        gt(spaceEvents.position, after),
        siteId === undefined ? undefined : eq(spaces.siteId, siteId),
        spaceId === undefined ? undefined : eq(spaceEvents.spaceId, spaceId),
      ),
    )
    .orderBy(asc(spaceEvents.position))
    .limit(limit)
}

/** What follows a position, as of one moment. */
export interface Gap {
  /** The position of the last event that was committed then. */
  head: number
  /** Events up to here are gone: of a position below it nobody knows what followed. */
  droppedUntil: number
  events: RecordedEvent[]
}

/** In one statement, so that nothing is dropped between the look at the events and the look at what is left of them. */
export async function gapBehind(tx: TenantTransaction, behind: Behind): Promise<Gap> {
  const events = select(tx, behind).as('events')
  const rows = await tx
    .select()
    .from(eventHeads)
    .leftJoin(events, sql`true`)
    .where(eq(eventHeads.tenantId, tx.tenantId))
    .orderBy(asc(events.position))
  const { position: head, droppedUntil } = rows[0]?.event_heads ?? { position: 0, droppedUntil: 0 }
  return {
    head,
    droppedUntil,
    events: rows.flatMap((row) => (row.events === null ? [] : [row.events as RecordedEvent])),
  }
}
