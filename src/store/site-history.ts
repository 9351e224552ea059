import { sql } from 'drizzle-orm'
import type { Cause, EventKind, Rule } from '../occupancy/events.ts'
import type { RecordedState } from './events.ts'
import { epoch, instant } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/** An event of one of a site's spaces, times in epoch milliseconds. */
export interface EventOfSite extends Record<string, unknown> {
  spaceId: string
  space: string
  position: number
  eventTime: number
  recordedAt: number
  kind: EventKind
  cause: Cause
  rule: Rule
  state: RecordedState
}

/** Place in the order of site-plan.ts. */
export interface SitePlace {
  readonly recordedAt: number
  readonly position: number
}

interface Page {
  readonly siteId: string
  /** Spaces that were deleted by then are left out. */
  readonly from: number
  readonly after: SitePlace
  /** Recorded up to this time, inclusive. */
  readonly to: number
  readonly limit: number
}

const firstSpanMs = 60_000
const growth = 4

/**
 * In windows of time that grow until there is a page full: each space of a site has its own part of the index, so that a page
 * of a busy site must not read all of its day, and that of a quiet one not look a thousand times.
 */
export async function selectSiteHistory(tx: TenantTransaction, page: Page): Promise<EventOfSite[]> {
  const found: EventOfSite[] = []
  let { after } = page
  for (let span = firstSpanMs; found.length < page.limit && after.recordedAt <= page.to; span *= growth) {
    const to = Math.min(page.to, after.recordedAt + span)
    // oxlint-disable-next-line no-await-in-loop -- only where what was found is not enough
    found.push(...(await selectWindow(tx, { ...page, after, to, limit: page.limit - found.length })))
    after = { recordedAt: to + 1, position: -1 }
  }
  return found
}

async function selectWindow(tx: TenantTransaction, { siteId, from, after, to, limit }: Page): Promise<EventOfSite[]> {
  return await tx.execute<EventOfSite>(sql`
    select p.id as "spaceId", p.code as space, e.position::float8 as position, ${epoch(sql`e.event_time`)} as "eventTime",
      ${epoch(sql`e.recorded_at`)} as "recordedAt", e.kind, e.cause, e.rule, e.state
    from spaces p
    cross join lateral (
      select * from space_events e
      where e.tenant_id = p.tenant_id and e.space_id = p.id and e.recorded_at <= ${instant(to)}
        and (e.recorded_at, e.position) > (${instant(after.recordedAt)}, ${after.position})
      order by e.recorded_at, e.position limit ${limit}
    ) e
    where p.tenant_id = ${tx.tenantId} and p.site_id = ${siteId}::uuid
      and (p.archived_at is null or p.archived_at > ${instant(from)})
    order by e.recorded_at, e.position limit ${limit}`)
}
