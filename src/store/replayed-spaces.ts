import type { EventKind } from '../occupancy/events.ts'
import { restored, type SpaceState, type Status } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plain } from './arrays.ts'
import { rangesOf, type WantedInputs } from './kept-inputs.ts'
import type { SystemTransaction } from './transactions.ts'

/** Spaces whose inputs are folded again, and what happened at them when those were live. */
export interface ReplayedSpace {
  readonly tenantId: string
  readonly siteId: string
  readonly spaceId: string
  /** tenant/site/space, by their codes. */
  readonly path: string
  /** The input behind which all are kept and were decided by our rules, and the space as of it. */
  readonly behind: number
  readonly state: SpaceState
  /** The space as it is now. */
  readonly live: { readonly inputSeq: number; readonly state: SpaceState }
}

interface Row extends Omit<ReplayedSpace, 'state' | 'live' | 'behind'> {
  input_seq: number
  live: Partial<SpaceState>
  rules_version: number
  behind: number | null
  state: Partial<SpaceState> | null
}

/** Those of the spaces that were ever stepped. */
export async function readReplayedSpaces(tx: SystemTransaction, spaceIds: readonly string[]): Promise<ReplayedSpace[]> {
  const rows = await tx<Row[]>`
    SELECT s.tenant_id AS "tenantId", p.site_id AS "siteId", s.space_id AS "spaceId",
      t.slug || '/' || i.code || '/' || p.code AS path, s.input_seq, s.state AS live, s.rules_version,
      c.input_seq AS behind, c.state
    FROM unnest(${plain(spaceIds)}::uuid[]) AS n (id) JOIN space_states s ON s.space_id = n.id
    JOIN spaces p ON p.tenant_id = s.tenant_id AND p.id = s.space_id
    JOIN sites i ON i.tenant_id = p.tenant_id AND i.id = p.site_id
    JOIN tenants t ON t.id = s.tenant_id
    LEFT JOIN LATERAL (
      SELECT input_seq, state FROM space_checkpoints c
      WHERE c.tenant_id = s.tenant_id AND c.space_id = s.space_id ORDER BY input_seq DESC LIMIT 1) c ON true`
  return rows.map(({ input_seq: inputSeq, rules_version: version, behind, state, live: liveState, ...place }) => {
    const live = { inputSeq, state: restored(liveState) }
    if (version !== rulesVersion) return { ...place, behind: inputSeq, state: live.state, live }
    return { ...place, behind: behind ?? 0, state: restored(state ?? {}), live }
  })
}

/** Something that people saw happen at a space. Times in epoch milliseconds. */
export interface Transition {
  readonly kind: EventKind
  readonly eventTime: number
  /** What people see from then on. */
  readonly status: Status
}

export interface RecordedTransition extends Transition {
  readonly spaceId: string
  readonly inputSeq: number
}

/** What the given inputs brought about, in the order in which they did. */
export async function readTransitions(
  tx: SystemTransaction,
  wanted: readonly WantedInputs[],
): Promise<RecordedTransition[]> {
  if (wanted.length === 0) return []
  const { spaceIds, behind, upTo } = rangesOf(wanted)
  return await tx<RecordedTransition[]>`
    SELECT e.space_id AS "spaceId", e.input_seq AS "inputSeq", e.kind,
      (extract(epoch FROM e.event_time) * 1000)::bigint AS "eventTime", e.state->>'status' AS status
    FROM unnest(${spaceIds}::uuid[], ${behind}::bigint[], ${upTo}::bigint[]) AS n (space_id, behind, up_to)
    JOIN space_events e ON e.space_id = n.space_id AND e.input_seq > n.behind AND e.input_seq <= n.up_to
    ORDER BY e.space_id, e.input_seq, e.ordinal`
}
