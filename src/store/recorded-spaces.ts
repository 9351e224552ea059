import type { ParkingSession } from '../occupancy/sessions.ts'
import { restored, type SpaceState } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plain } from './arrays.ts'
import type { SystemTransaction } from './transactions.ts'

/** What was recorded live of a space: what a fold of its inputs must come to again. */
export interface RecordedSpace {
  readonly tenantId: string
  readonly siteId: string
  readonly spaceId: string
  /** tenant/site/space, by their codes. */
  readonly path: string
  readonly inputSeq: number
  readonly state: SpaceState
  readonly columns: Record<string, unknown>
  /**
   * Where folding starts: the newest checkpoint, behind which all inputs are kept and were decided by our rules; the space as
   * it is where other rules decided its last input. Null: from nothing.
   */
  readonly checkpoint: { readonly inputSeq: number; readonly state: SpaceState } | null
  readonly events: readonly RecordedEvent[]
  readonly sessions: readonly ParkingSession[]
}

export interface RecordedEvent {
  readonly input_seq: number
  readonly ordinal: number
  readonly kind: string
  readonly event_time: string
  readonly cause: unknown
  readonly rule: string
  readonly state: unknown
}

/** The ids of all spaces that were ever stepped, of one tenant or of all, in order. */
export async function steppedSpaceIds(tx: SystemTransaction, tenantId: string | undefined): Promise<string[]> {
  const rows = await tx<{ space_id: string }[]>`
    SELECT space_id FROM space_states
    WHERE (${tenantId ?? null}::uuid IS NULL OR tenant_id = ${tenantId ?? null}::uuid)
    ORDER BY space_id`
  return rows.map((row) => row.space_id)
}

interface StateRow {
  tenant_id: string
  site_id: string
  space_id: string
  path: string
  input_seq: number
  state: Partial<SpaceState>
  columns: Record<string, unknown>
  checkpoint: { inputSeq: number; state: Partial<SpaceState> } | null
}

export async function readRecorded(tx: SystemTransaction, spaceIds: readonly string[]): Promise<RecordedSpace[]> {
  const ids = plain(spaceIds)
  const [states, events, sessions] = await Promise.all([
    tx<StateRow[]>`
      SELECT s.tenant_id, p.site_id, s.space_id, t.slug || '/' || i.code || '/' || p.code AS path, s.input_seq, s.state,
        jsonb_build_object('status', s.status, 'occupancy', s.occupancy, 'reservation', s.reservation,
          'override', s.override, 'stale', s.stale, 'since', extract(epoch FROM s.since) * 1000,
          'observed_at', extract(epoch FROM s.observed_at) * 1000, 'version', s.version,
          'next_deadline_at', extract(epoch FROM s.next_deadline_at) * 1000) AS columns,
        CASE WHEN s.rules_version <> ${rulesVersion} THEN jsonb_build_object('inputSeq', s.input_seq, 'state', s.state)
        ELSE (SELECT jsonb_build_object('inputSeq', c.input_seq, 'state', c.state) FROM space_checkpoints c
              WHERE c.tenant_id = s.tenant_id AND c.space_id = s.space_id ORDER BY c.input_seq DESC LIMIT 1)
        END AS checkpoint
      FROM unnest(${ids}::uuid[]) AS n (id) JOIN space_states s ON s.space_id = n.id
      JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id
      JOIN sites i ON i.tenant_id = p.tenant_id AND i.id = p.site_id
      JOIN tenants t ON t.id = s.tenant_id
      ORDER BY s.space_id`,
    tx<(RecordedEvent & { space_id: string; event_time: Date })[]>`
      SELECT space_id, input_seq, ordinal, kind, event_time, cause, rule, state
      FROM unnest(${ids}::uuid[]) AS n (id) JOIN space_events e ON e.space_id = n.id ORDER BY space_id, input_seq, ordinal`,
    tx<{ space_id: string; started_at: Date; ended_at: Date | null; uncertain: boolean }[]>`
      SELECT space_id, started_at, ended_at, uncertain
      FROM unnest(${ids}::uuid[]) AS n (id) JOIN parking_sessions p ON p.space_id = n.id ORDER BY space_id, started_at`,
  ])
  const eventsOf = bySpace(events)
  const sessionsOf = bySpace(sessions)
  return states.map((row) => ({
    tenantId: row.tenant_id,
    siteId: row.site_id,
    spaceId: row.space_id,
    path: row.path,
    inputSeq: row.input_seq,
    state: restored(row.state),
    columns: row.columns,
    checkpoint: row.checkpoint && { ...row.checkpoint, state: restored(row.checkpoint.state) },
    events: (eventsOf.get(row.space_id) ?? []).map(({ space_id: _space, event_time: time, ...event }) => ({
      ...event,
      event_time: (time as unknown as Date).toISOString(),
    })),
    sessions: (sessionsOf.get(row.space_id) ?? []).map((session) => ({
      startedAt: session.started_at.getTime(),
      endedAt: session.ended_at?.getTime() ?? null,
      uncertain: session.uncertain,
    })),
  }))
}

function bySpace<T extends { space_id: string }>(rows: Iterable<T>): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(row.space_id) ?? []
    groups.set(row.space_id, group)
    group.push(row)
  }
  return groups
}
