import { sql, type SQL } from 'drizzle-orm'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

/** Parking sessions as they are read; session-changes.ts writes them. Those of one space never overlap: at most they touch. */
export interface ListedSession extends Record<string, unknown> {
  space_id: string
  space: string
  site_id: string
  site: string
  started_at: string
  /** Null while it is open. */
  ended_at: string | null
  uncertain: boolean
  started_ms: number
  duration_s: number | null
}

/** Of the sites of a time zone, the sessions that have a part in `[from, to)`: epoch milliseconds, infinite where there is no end. */
export interface SessionWindow {
  timezone: string
  from: number
  to: number
}

export interface SessionFilter {
  spaceId?: string | undefined
  siteId?: string | undefined
  open?: boolean | undefined
  /** Sites in other zones are left out. */
  windows: readonly SessionWindow[]
}

export interface SessionPage {
  filter: SessionFilter
  /** By start and space: the last one of the page before. */
  after: { startedAt: number; spaceId: string } | undefined
  limit: number
}

/** The time zones of the sites that a filter leaves. */
export async function selectTimezones(
  tx: TenantTransaction,
  { siteId, spaceId }: Pick<SessionFilter, 'siteId' | 'spaceId'>,
): Promise<string[]> {
  const rows = await tx.execute<{ timezone: string }>(sql`
    select distinct s.timezone from sites as s where s.tenant_id = ${tx.tenantId}
      ${siteId === undefined ? sql`` : sql`and s.id = ${siteId}::uuid`}
      ${
        spaceId === undefined
          ? sql``
          : sql`and s.id in (select site_id from spaces where tenant_id = ${tx.tenantId} and id = ${spaceId}::uuid)`
      }`)
  return rows.map(({ timezone }) => timezone)
}

/** In the order in which they began. */
export async function selectParkingSessions(tx: TenantTransaction, page: SessionPage): Promise<ListedSession[]> {
  const { filter, after, limit } = page
  if (filter.windows.length === 0) return []
  const behind =
    after === undefined
      ? sql``
      : sql`and (p.started_at, p.space_id) > (${instant(after.startedAt)}, ${after.spaceId}::uuid)`
  const query = { filter, behind, limit }
  const sessions = filter.open === true ? openSessions(tx, query) : sessionsIn(tx, query)
  return await tx.execute<ListedSession>(sql`
    select p.space_id, p.space, p.site_id, p.site, p.uncertain, ${rfc3339(sql`p.started_at`)} as started_at,
      ${rfc3339(sql`p.ended_at`)} as ended_at, (extract(epoch from p.started_at) * 1000)::double precision as started_ms,
      extract(epoch from p.ended_at - p.started_at)::double precision as duration_s
    from (${sessions}) as p
    order by p.started_at, p.space_id limit ${limit}`)
}

interface Query {
  filter: SessionFilter
  behind: SQL
  limit: number
}

const columns = sql`p.space_id, sp.code as space, sp.site_id, s.code as site, p.started_at, p.ended_at, p.uncertain`

/** Joins the spaces that a filter leaves, as `sp`, with their site `s` and its window `w`; those that are gone too. */
function placesOf({ spaceId, siteId, windows }: SessionFilter, tenantId: string): { joined: SQL; where: SQL } {
  const rows = windows.map(({ timezone, from, to }) => sql`(${timezone}, ${instant(from)}, ${instant(to)})`)
  return {
    joined: sql`
      spaces as sp join sites as s on s.tenant_id = sp.tenant_id and s.id = sp.site_id
      join (values ${sql.join(rows, sql`, `)}) as w (timezone, from_at, to_at) on w.timezone = s.timezone`,
    where: sql`sp.tenant_id = ${tenantId}
      ${spaceId === undefined ? sql`` : sql`and sp.id = ${spaceId}::uuid`}
      ${siteId === undefined ? sql`` : sql`and sp.site_id = ${siteId}::uuid`}`,
  }
}

/**
 * What began in the window, a page of it, by the index of that order; and of each space what was going on when the window
 * began: as none overlap, that is the last one before it.
 */
function sessionsIn({ tenantId }: TenantTransaction, { filter, behind, limit }: Query): SQL {
  const { windows, open } = filter
  const ended = open === false ? sql`and p.ended_at is not null` : sql``
  const earliest = Math.min(...windows.map(({ from }) => from))
  const latest = Math.max(...windows.map(({ to }) => to))
  const { joined, where } = placesOf(filter, tenantId)
  const begun = sql`
    (select ${columns} from parking_sessions as p
      join (${joined}) on sp.tenant_id = p.tenant_id and sp.id = p.space_id
      where p.tenant_id = ${tenantId} and p.started_at >= ${instant(earliest)} and p.started_at < ${instant(latest)}
        and p.started_at >= w.from_at and p.started_at < w.to_at and ${where} ${ended} ${behind}
      order by p.started_at, p.space_id limit ${limit})`
  if (earliest === -Infinity) return begun
  return sql`${begun}
    union all
    select ${columns} from ${joined} cross join lateral (
      select * from parking_sessions as last
      where last.tenant_id = sp.tenant_id and last.space_id = sp.id and last.started_at < w.from_at
      order by last.started_at desc limit 1
    ) as p
    where ${where} and coalesce(p.ended_at, 'infinity') > w.from_at ${ended} ${behind}`
}

/** At most one a space, and its state says which. */
function openSessions({ tenantId }: TenantTransaction, { filter, behind }: Query): SQL {
  const { joined, where } = placesOf(filter, tenantId)
  return sql`
    select ${columns} from ${joined}
    join space_states as st on st.tenant_id = sp.tenant_id and st.space_id = sp.id
    join parking_sessions as p
      on p.tenant_id = st.tenant_id and p.space_id = st.space_id and p.started_at = st.session_started_at
    where ${where} and p.ended_at is null and p.started_at < w.to_at ${behind}`
}

function instant(at: number): SQL {
  if (at === Infinity || at === -Infinity) return sql`${at === Infinity ? 'infinity' : '-infinity'}::timestamptz`
  return sql`to_timestamp(${at}::double precision / 1000)`
}
