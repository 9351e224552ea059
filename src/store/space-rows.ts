import type { SpaceEvent } from '../occupancy/events.ts'
import { nextDeadline, visibleState, type VisibleState } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plain } from './arrays.ts'
import type { SystemTransaction } from './transactions.ts'
import type { SteppedSpace } from './writer.ts'

/** Times go to Postgres as epoch milliseconds and become timestamps there. */
interface Change {
  spaces: readonly SteppedSpace[]
  recordedAt: number
}

/** The name of the channel that wakes followers of `space_events`; its payload is the id of a tenant. */
export const eventsChannel = 'baywire_events'

export async function updateStates(tx: SystemTransaction, { spaces, recordedAt }: Change): Promise<void> {
  if (spaces.length === 0) return
  const visible = spaces.map((space) => visibleState(space.state))
  const column = (of: (state: VisibleState) => number | boolean | string | null) => plain(visible.map(of))
  await tx`
    UPDATE space_states s SET
      status = n.status, occupancy = n.occupancy, reservation = n.reservation, override = n.override, stale = n.stale,
      since = to_timestamp(n.since / 1000), observed_at = to_timestamp(n.observed_at / 1000),
      input_seq = n.input_seq, version = n.version, rules_version = ${rulesVersion},
      session_started_at = to_timestamp(n.session_started_at / 1000),
      next_deadline_at = to_timestamp(n.next_deadline_at / 1000),
      state = n.state, updated_at = to_timestamp(${recordedAt}::double precision / 1000)
    FROM ROWS FROM (unnest(
      ${plain(spaces.map((space) => space.tenantId))}::text::uuid[],
      ${plain(spaces.map((space) => space.spaceId))}::text::uuid[],
      ${column((state) => state.status)}::text::text[],
      ${column((state) => state.occupancy)}::text::text[],
      ${column((state) => state.reservation)}::text::text[],
      ${column((state) => state.override)}::text::text[],
      ${column((state) => state.stale)}::text::boolean[],
      ${column((state) => state.since)}::text::double precision[],
      ${column((state) => state.observed_at)}::text::double precision[],
      ${plain(spaces.map((space) => space.inputSeq))}::text::bigint[],
      ${column((state) => state.version)}::text::bigint[],
      ${plain(spaces.map((space) => space.sessions.openSince))}::text::double precision[],
      ${plain(spaces.map((space) => nextDeadline(space.state)?.at ?? null))}::text::double precision[]
    ), jsonb_array_elements(${JSON.stringify(spaces.map((space) => space.state))}::text::jsonb)) AS n (tenant_id, space_id, status, occupancy, reservation, override, stale, since, observed_at, input_seq,
            version, session_started_at, next_deadline_at, state)
    WHERE s.tenant_id = n.tenant_id AND s.space_id = n.space_id`
}

export async function insertInputs(tx: SystemTransaction, { spaces, recordedAt }: Change): Promise<void> {
  const rows = spaces.flatMap((space) => space.inputs.map((entry) => ({ space, ...entry })))
  if (rows.length === 0) return
  await tx`
    INSERT INTO space_inputs (tenant_id, space_id, input_seq, at, input, policy_version, rules_version, recorded_at)
    SELECT tenant_id, space_id, input_seq, to_timestamp(at / 1000), input, policy_version, ${rulesVersion},
      to_timestamp(${recordedAt}::double precision / 1000)
    FROM ROWS FROM (unnest(
      ${plain(rows.map(({ space }) => space.tenantId))}::text::uuid[],
      ${plain(rows.map(({ space }) => space.spaceId))}::text::uuid[],
      ${plain(rows.map((row) => row.inputSeq))}::text::bigint[],
      ${plain(rows.map((row) => row.input.at))}::text::double precision[],
      ${plain(rows.map(({ space }) => space.policyVersion))}::text::integer[]
    ), jsonb_array_elements(${JSON.stringify(rows.map((row) => row.input))}::text::jsonb))
      AS n (tenant_id, space_id, input_seq, at, policy_version, input)`
}

/**
 * Positions come from the tenant's `event_heads` row, whose lock is held until COMMIT: so their order is that of
 * the commits, and a follower that has seen position n will never find a lower one new.
 */
export async function insertEvents(tx: SystemTransaction, { spaces, recordedAt }: Change): Promise<void> {
  const rows = spaces.flatMap((space) => space.events.map((entry) => ({ space, ...entry })))
  if (rows.length === 0) return
  await tx`
    WITH new AS (
      SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY place) AS number
      FROM ROWS FROM (unnest(
        ${plain(rows.map(({ space }) => space.tenantId))}::text::uuid[],
        ${plain(rows.map(({ space }) => space.spaceId))}::text::uuid[],
        ${plain(rows.map((row) => row.inputSeq))}::text::bigint[],
        ${plain(rows.map((row) => row.ordinal))}::text::smallint[],
        ${plain(rows.map(({ event }) => event.eventTime))}::text::double precision[],
        ${plain(rows.map(({ event }) => event.kind))}::text::text[],
        ${plain(rows.map(({ event }) => event.rule))}::text::text[]
      ), jsonb_array_elements(${JSON.stringify(rows.map(({ event }) => event.cause))}::text::jsonb),
        jsonb_array_elements(${JSON.stringify(rows.map(({ event }) => eventState(event)))}::text::jsonb)
      ) WITH ORDINALITY AS n (tenant_id, space_id, input_seq, ordinal, event_time, kind, rule, cause, state, place)
    ), head AS (
      INSERT INTO event_heads AS h (tenant_id, position)
      SELECT tenant_id, count(*) FROM new GROUP BY tenant_id ORDER BY tenant_id
      ON CONFLICT (tenant_id) DO UPDATE SET position = h.position + excluded.position
      RETURNING tenant_id, position
    ), wake AS (
      SELECT pg_notify(${eventsChannel}, tenant_id::text) FROM head
    ), woken AS (SELECT count(*) FROM wake)
    INSERT INTO space_events
      (tenant_id, position, space_id, input_seq, ordinal, event_time, recorded_at, kind, cause, rule, state)
    SELECT new.tenant_id, head.position - count(*) OVER (PARTITION BY new.tenant_id) + new.number, new.space_id,
      new.input_seq, new.ordinal, to_timestamp(new.event_time / 1000), to_timestamp(${recordedAt}::double precision / 1000),
      new.kind, new.cause, new.rule, new.state
    FROM new JOIN head ON head.tenant_id = new.tenant_id CROSS JOIN woken`
}

/** The visible state as it is stored and shown: times in RFC 3339. */
export function eventState({ state }: SpaceEvent): Record<keyof VisibleState, unknown> {
  return { ...state, since: rfc3339(state.since), observed_at: rfc3339(state.observed_at) }
}

function rfc3339(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
