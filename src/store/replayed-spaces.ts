import type { EventKind } from '../occupancy/events.ts'
import type { Input } from '../occupancy/input.ts'
import { restored, type SpaceState, type Status } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plain, plainOf } from './arrays.ts'
import type { SnapshotTransaction } from './transactions.ts'

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
export async function readReplayedSpaces(
  tx: SnapshotTransaction,
  spaceIds: readonly string[],
): Promise<ReplayedSpace[]> {
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

/** Inputs of a space: those behind one of them, up to another. */
export interface InputRange {
  readonly tenantId: string
  readonly spaceId: string
  readonly behind: number
  readonly upTo: number
}

/** What the given inputs brought about, each space's in the order in which it happened. */
export async function readTransitions(
  tx: SnapshotTransaction,
  ranges: readonly InputRange[],
): Promise<RecordedTransition[]> {
  if (ranges.length === 0) return []
  // OFFSET 0, or the planner would read all events there are to find a few of each space.
  return await tx<RecordedTransition[]>`
    SELECT e.* FROM ${rangesOf(tx, ranges)} CROSS JOIN LATERAL (
      SELECT e.space_id AS "spaceId", e.input_seq AS "inputSeq", e.kind,
        (extract(epoch FROM e.event_time) * 1000)::bigint AS "eventTime", e.state->>'status' AS status
      FROM space_events e
      WHERE e.space_id = n.space_id AND e.input_seq > n.behind AND e.input_seq <= n.up_to
      ORDER BY e.input_seq, e.ordinal OFFSET 0) e`
}

export interface RecordedInput {
  readonly spaceId: string
  readonly inputSeq: number
  readonly policyVersion: number
  readonly input: Exclude<Input, { kind: 'reading' }>
}

/** Those of the given inputs that are no readings. */
export async function readOtherInputs(
  tx: SnapshotTransaction,
  ranges: readonly InputRange[],
): Promise<RecordedInput[]> {
  if (ranges.length === 0) return []
  return await tx<RecordedInput[]>`
    SELECT i.* FROM ${rangesOf(tx, ranges)} CROSS JOIN LATERAL (
      SELECT i.space_id AS "spaceId", i.input_seq AS "inputSeq", i.policy_version AS "policyVersion", i.input
      FROM space_inputs i
      WHERE i.tenant_id = n.tenant_id AND i.space_id = n.space_id AND i.input_seq > n.behind AND i.input_seq <= n.up_to
      OFFSET 0) i`
}

function rangesOf(tx: SnapshotTransaction, ranges: readonly InputRange[]) {
  return tx`unnest(
    ${plainOf(ranges, ({ tenantId }) => tenantId)}::uuid[], ${plainOf(ranges, ({ spaceId }) => spaceId)}::uuid[],
    ${plainOf(ranges, ({ behind }) => behind)}::bigint[], ${plainOf(ranges, ({ upTo }) => upTo)}::bigint[]
  ) AS n (tenant_id, space_id, behind, up_to)`
}
