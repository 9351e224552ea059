import type { SpaceEvent } from '../occupancy/events.ts'
import { nextDeadline, stored, visibleState, type VisibleState } from '../occupancy/state.ts'
import { rulesVersion } from '../occupancy/step.ts'
import { plainOf } from './arrays.ts'
import type { SpaceTransaction } from './transactions.ts'
import type { SteppedSpace } from './writer.ts'

/**
 * Times go to Postgres as epoch milliseconds and become timestamps there. JSON goes there by way of a sub-select: Postgres would
 * read a parameter twice, to plan and to execute.
 */
interface Change {
  spaces: readonly SteppedSpace[]
  recordedAt: number
}

/** The name of the channel that wakes followers of `space_events`; its payload is the id of a tenant. */
export const eventsChannel = 'baywire_events'

export async function updateStates(tx: SpaceTransaction, { spaces, recordedAt }: Change): Promise<void> {
  if (spaces.length === 0) return
  const visible = spaces.map((space) => visibleState(space.state))
  const states = JSON.stringify(spaces.map((space) => stored(space.state)))
  const column = (of: (state: VisibleState) => number | boolean | string | null) => plainOf(visible, of)
  await tx`
    UPDATE space_states s SET
      status = n.status, occupancy = n.occupancy, reservation = n.reservation, override = n.override, stale = n.stale,
      since = to_timestamp(n.since / 1000), observed_at = to_timestamp(n.observed_at / 1000),
      input_seq = n.input_seq, version = n.version, rules_version = ${rulesVersion},
      session_started_at = to_timestamp(n.session_started_at / 1000),
      next_deadline_at = to_timestamp(n.next_deadline_at / 1000),
      state = n.state, updated_at = to_timestamp(${recordedAt}::double precision / 1000)
    FROM (SELECT
      unnest(${plainOf(spaces, (space) => space.tenantId)}::uuid[]) AS tenant_id,
      unnest(${plainOf(spaces, (space) => space.spaceId)}::uuid[]) AS space_id,
      unnest(${column((state) => state.status)}::text[]) AS status,
      unnest(${column((state) => state.occupancy)}::text[]) AS occupancy,
      unnest(${column((state) => state.reservation)}::text[]) AS reservation,
      unnest(${column((state) => state.override)}::text[]) AS override,
      unnest(${column((state) => state.stale)}::boolean[]) AS stale,
      unnest(${column((state) => state.since)}::double precision[]) AS since,
      unnest(${column((state) => state.observed_at)}::double precision[]) AS observed_at,
      unnest(${plainOf(spaces, (space) => space.inputSeq)}::bigint[]) AS input_seq,
      unnest(${column((state) => state.version)}::bigint[]) AS version,
      unnest(${plainOf(spaces, (space) => space.sessions.openSince)}::double precision[]) AS session_started_at,
      unnest(${plainOf(spaces, (space) => nextDeadline(space.state)?.at ?? null)}::double precision[]) AS next_deadline_at,
      json_array_elements((SELECT ${states})::json) AS state
    ) AS n
    WHERE s.tenant_id = n.tenant_id AND s.space_id = n.space_id`
}

export async function insertInputs(tx: SpaceTransaction, { spaces, recordedAt }: Change): Promise<void> {
  const rows = spaces.flatMap((space) => space.inputs.map((entry) => ({ space, ...entry })))
  if (rows.length === 0) return
  await tx`
    INSERT INTO space_inputs (tenant_id, space_id, input_seq, at, input, policy_version, rules_version, recorded_at)
    SELECT tenant_id, space_id, input_seq, to_timestamp(at / 1000), input, policy_version, ${rulesVersion},
      to_timestamp(${recordedAt}::double precision / 1000)
    FROM ROWS FROM (unnest(
      ${plainOf(rows, ({ space }) => space.tenantId)}::uuid[],
      ${plainOf(rows, ({ space }) => space.spaceId)}::uuid[],
      ${plainOf(rows, (row) => row.inputSeq)}::bigint[],
      ${plainOf(rows, (row) => row.input.at)}::double precision[],
      ${plainOf(rows, ({ space }) => space.policyVersion)}::integer[]
    ), json_array_elements(${JSON.stringify(rows.map((row) => row.input))}::text::json))
      AS n (tenant_id, space_id, input_seq, at, policy_version, input)`
}

/**
 * Positions come from the tenant's `event_heads` row, whose lock is held until COMMIT: so their order is that of
 * the commits, and a follower that has seen position n will never find a lower one new.
 */
export async function insertEvents(tx: SpaceTransaction, { spaces, recordedAt }: Change): Promise<void> {
  const rows = eventsOf(spaces)
  if (rows.length === 0) return
  await tx`
    WITH new AS (
      SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY place) AS number
      FROM ROWS FROM (unnest(
        ${plainOf(rows, ({ space }) => space.tenantId)}::uuid[],
        ${plainOf(rows, ({ space }) => space.spaceId)}::uuid[],
        ${plainOf(rows, (row) => row.inputSeq)}::bigint[],
        ${plainOf(rows, (row) => row.ordinal)}::smallint[],
        ${plainOf(rows, ({ event }) => event.eventTime)}::double precision[],
        ${plainOf(rows, ({ event }) => event.kind)}::text[],
        ${plainOf(rows, ({ event }) => event.rule)}::text[]
      ), json_array_elements((SELECT ${JSON.stringify(rows.map(({ event }) => event.cause))})::json),
        json_array_elements((SELECT ${JSON.stringify(rows.map(({ event }) => eventState(event)))})::json)
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

interface EventRow {
  space: SteppedSpace
  inputSeq: number
  ordinal: number
  event: SpaceEvent
}

function eventsOf(spaces: readonly SteppedSpace[]): EventRow[] {
  const rows: EventRow[] = []
  for (const space of spaces) {
    for (const { inputSeq, ordinal, event } of space.events) rows.push({ space, inputSeq, ordinal, event })
  }
  return rows
}

/** The visible state as it is stored and shown: times in RFC 3339. */
export function eventState({ state }: SpaceEvent): Record<keyof VisibleState, unknown> {
  return { ...state, since: rfc3339(state.since), observed_at: rfc3339(state.observed_at) }
}

function rfc3339(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
