import { sql } from 'drizzle-orm'
import type { Status } from '../occupancy/state.ts'
import { outcomes, type Outcome } from './books.ts'
import { isSilent } from './devices.ts'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

/** What an operator looks at first. Each part is one statement, whatever the number of sites. */
export interface DashboardSite extends SiteOfCounts {
  status: Record<Status, number>
}

interface SiteOfCounts extends Record<string, unknown> {
  id: string
  code: string
  name: string
  total: number
  stale: number
  sensors: number
  silent_sensors: number
}

interface SiteRow extends SiteOfCounts, Record<Status, number> {
  [name: string]: unknown
}

const statuses = ['free', 'occupied', 'reserved', 'blocked', 'out_of_service', 'unknown'] as const satisfies Status[]

/** Sites shown at most. */
const mostSites = 1000

export async function selectDashboardSites(tx: TenantTransaction): Promise<DashboardSite[]> {
  const counted = statuses.map(
    (status) =>
      sql`count(p.id) filter (where coalesce(s.status, 'unknown') = ${status})::integer as ${sql.identifier(status)}`,
  )
  const rows = await tx.execute<SiteRow>(sql`
    with shown as (
      select id, code, name from sites where tenant_id = ${tx.tenantId} and archived_at is null order by code limit ${mostSites}
    ), sensors as (
      select p.site_id, count(*) as total, count(*) filter (where ${isSilent}) as silent
      from device_assignments as a
      join spaces as p on p.tenant_id = a.tenant_id and p.id = a.space_id
      left join space_states as s on s.tenant_id = a.tenant_id and s.space_id = a.space_id
      where a.tenant_id = ${tx.tenantId} and a.unassigned_at is null
      group by p.site_id
    ), places as (
      select shown.id, count(p.id) as total, ${sql.join(counted, sql`, `)},
        count(*) filter (where s.stale) as stale
      from shown
      left join spaces as p on p.tenant_id = ${tx.tenantId} and p.site_id = shown.id and p.archived_at is null
      left join space_states as s on s.tenant_id = p.tenant_id and s.space_id = p.id
      group by shown.id
    )
    select shown.id, shown.code, shown.name, places.total::integer as total,
      ${sql.join(
        statuses.map((status) => sql`places.${sql.identifier(status)}`),
        sql`, `,
      )}, places.stale::integer as stale, coalesce(sensors.total, 0)::integer as sensors,
      coalesce(sensors.silent, 0)::integer as silent_sensors
    from shown join places on places.id = shown.id left join sensors on sensors.site_id = shown.id
    order by shown.code`)
  return rows.map(({ free, occupied, reserved, blocked, out_of_service, unknown, ...site }) => ({
    ...site,
    status: { free, occupied, reserved, blocked, out_of_service, unknown },
  }))
}

export interface Traffic {
  /** Deliveries, a minute on average, of the last five minutes that are over. */
  perMinute: number
  /** Totals of the last 24 hours. */
  received: number
  outcomes: Record<Outcome, number>
}

export async function selectTraffic(tx: TenantTransaction): Promise<Traffic> {
  const sums = outcomes.map(
    (outcome) => sql`coalesce(sum(${sql.identifier(outcome)}), 0)::double precision as ${sql.identifier(outcome)}`,
  )
  const [row] = await tx.execute<Record<Outcome | 'received' | 'recent', number>>(sql`
    select coalesce(sum(received), 0)::double precision as received, ${sql.join(sums, sql`, `)},
      coalesce(sum(received) filter (where minute >= date_trunc('minute', now()) - interval '5 minutes'
        and minute < date_trunc('minute', now())), 0)::double precision as recent
    from ledger_entries where tenant_id = ${tx.tenantId} and minute > now() - interval '24 hours'`)
  if (row === undefined) throw new Error('sums without a row')
  const { received, recent } = row
  const totals = Object.fromEntries(outcomes.map((outcome) => [outcome, row[outcome]])) as Record<Outcome, number>
  return { perMinute: recent / 5, received, outcomes: totals }
}

export interface RecentEvent extends Record<string, unknown> {
  kind: string
  rule: string
  event_time: string
  recorded_at: string
  space_id: string
  site_id: string | null
  /** `SITE/SPACE`; null where it is there no more. */
  space: string | null
  /** After the event. */
  status: string
}

const eventsShown = 20

/** The newest first. */
export async function selectRecentEvents(tx: TenantTransaction): Promise<RecentEvent[]> {
  return await tx.execute<RecentEvent>(sql`
    with newest as (
      select * from space_events where tenant_id = ${tx.tenantId} order by position desc limit ${eventsShown}
    )
    select e.kind, e.rule, ${rfc3339(sql`e.event_time`)} as event_time, ${rfc3339(sql`e.recorded_at`)} as recorded_at,
      e.space_id, p.site_id, sites.code || '/' || p.code as space, e.state ->> 'status' as status
    from newest as e
    left join spaces as p on p.tenant_id = e.tenant_id and p.id = e.space_id
    left join sites on sites.tenant_id = p.tenant_id and sites.id = p.site_id
    order by e.position desc`)
}

export interface Speakers extends Record<string, unknown> {
  devices: number
  unassigned_devices: number
  gateways: number
  offline_gateways: number
  /** Heard, not known and not ignored. */
  orphans: number
  as_of: string
}

export async function countSpeakers(tx: TenantTransaction): Promise<Speakers> {
  const [row] = await tx.execute<Speakers>(sql`
    select ${rfc3339(sql`now()`)} as as_of, devices.total as devices, devices.unassigned as unassigned_devices,
      gateways.total as gateways, gateways.offline as offline_gateways, orphans.total as orphans
    from (
      select count(*)::integer as total, count(*) filter (where not exists (
        select from device_assignments as a
        where a.tenant_id = d.tenant_id and a.device_id = d.id and a.unassigned_at is null))::integer as unassigned
      from devices as d where d.tenant_id = ${tx.tenantId} and d.archived_at is null
    ) as devices, (
      select count(*)::integer as total, count(*) filter (where presence = 'offline')::integer as offline
      from gateways where tenant_id = ${tx.tenantId}
    ) as gateways, (
      select count(*)::integer as total from orphan_devices as o
      where o.tenant_id = ${tx.tenantId} and o.ignored_at is null and not exists (
        select from devices as d where d.tenant_id = o.tenant_id and d.code = o.device and d.archived_at is null)
    ) as orphans`)
  if (row === undefined) throw new Error('counts without a row')
  return row
}
