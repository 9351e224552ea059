import { sql, type SQL } from 'drizzle-orm'
import { restored, visibleState, type SpaceState, type VisibleState } from '../occupancy/state.ts'
import { plain } from './arrays.ts'
import type { RecordedState } from './events.ts'
import { epoch, instant, selectLogBegin } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * What the spaces of a site showed at a moment, and how it came there from another: by the events of the site's spaces in the
 * order of (recorded_at, position). It is one order for both, so that a plan and what was recorded since give the next plan.
 */
export interface PlannedSpace extends Record<string, unknown> {
  id: string
  code: string
  name: string
  level: string | null
  /** Null where nothing was recorded by then, or it is not kept. */
  state: RecordedState | null
}

interface Moment {
  readonly siteId: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** By code. The spaces are those of now, and those that were deleted since. */
export async function selectPlan(tx: TenantTransaction, { siteId, at }: Moment): Promise<PlannedSpace[]> {
  return await tx.execute<PlannedSpace>(sql`
    select p.id, p.code, p.name, p.level, e.state
    from spaces p
    left join lateral (
      select e.state from space_events e
      where e.tenant_id = p.tenant_id and e.space_id = p.id and e.recorded_at <= ${instant(at)}
      order by e.recorded_at desc, e.position desc limit 1
    ) e on true
    where ${placesOf(tx, { siteId, at })}
    order by p.code, p.id`)
}

function placesOf(tx: TenantTransaction, { siteId, at }: Moment): SQL {
  return sql`p.tenant_id = ${tx.tenantId} and p.site_id = ${siteId}::uuid
    and (p.archived_at is null or p.archived_at > ${instant(at)})`
}

/** From when on all events are kept; undefined where none were dropped. */
export async function selectKeptFrom(tx: TenantTransaction): Promise<number | undefined> {
  const [head] = await tx.execute<{ dropped: boolean; first: number | null }>(sql`
    select h.dropped_until > 0 as dropped, (
      select ${epoch(sql`e.recorded_at`)} from space_events e
      where e.tenant_id = h.tenant_id and e.position > h.dropped_until order by e.position limit 1) as first
    from event_heads h where h.tenant_id = ${tx.tenantId}`)
  if (head?.dropped !== true) return undefined
  return head.first ?? (await selectLogBegin(tx)) ?? 0
}

interface LaterRow extends Record<string, unknown> {
  id: string
  /** As it is now, where nothing was recorded of it since. */
  now: VisibleState | null
  /** Of a checkpoint: as it was before the first thing that was recorded since. */
  before: Partial<SpaceState> | null
}

/**
 * What spaces showed whose last event by then was dropped with its day: what they show now, where there was none since, or else
 * what a checkpoint has of the time before the next one. `version` counts events, so it says whether that is so.
 */
export async function selectStatesOfDropped(
  tx: TenantTransaction,
  { spaceIds, at }: { spaceIds: readonly string[]; at: number },
): Promise<Map<string, RecordedState>> {
  if (spaceIds.length === 0) return new Map()
  const rows = await tx.execute<LaterRow>(sql`
    select n.id, case when later.version is null and s.version > 0 then json_build_object('status', s.status,
        'occupancy', s.occupancy, 'reservation', s.reservation, 'override', s.override, 'stale', s.stale,
        'since', ${epoch(sql`s.since`)}, 'observed_at', ${epoch(sql`s.observed_at`)}, 'version', s.version) end as now,
      kept.state as before
    from unnest(${plain(spaceIds)}::uuid[]) as n (id)
    join space_states s on s.tenant_id = ${tx.tenantId} and s.space_id = n.id
    left join lateral (
      select (e.state ->> 'version')::bigint as version from space_events e
      where e.tenant_id = ${tx.tenantId} and e.space_id = n.id and e.recorded_at > ${instant(at)}
      order by e.recorded_at, e.position limit 1
    ) later on true
    left join lateral (
      select c.state from space_checkpoints c
      where c.tenant_id = ${tx.tenantId} and c.space_id = n.id and (c.state ->> 'version')::bigint = later.version - 1
      limit 1
    ) kept on true`)
  const states = rows.map(({ id, now, before }) => [id, now ?? (before && visibleState(restored(before)))] as const)
  return new Map(states.flatMap(([id, state]) => (state === null ? [] : [[id, recorded(state)]])))
}

function recorded({ since, observed_at: observedAt, ...state }: VisibleState): RecordedState {
  return { ...state, since: timeOf(since), observed_at: timeOf(observedAt) }
}

function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString()
}
