import { sql, type SQL } from 'drizzle-orm'
import type { Cause, EventKind, Rule } from '../occupancy/events.ts'
import type { Input } from '../occupancy/input.ts'
import type { RecordedState } from './events.ts'
import { epoch, instant } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/** An event of one space, times in epoch milliseconds. */
export interface EventOfSpace extends Record<string, unknown> {
  inputSeq: number
  ordinal: number
  eventTime: number
  recordedAt: number
  kind: EventKind
  cause: Cause
  rule: Rule
  state: RecordedState
}

/** An input of a space that is no reading. */
export interface OtherInput extends Record<string, unknown> {
  inputSeq: number
  recordedAt: number
  policyVersion: number
  rulesVersion: number
  input: Exclude<Input, { kind: 'reading' }>
}

const eventColumns = sql`e.input_seq::float8 as "inputSeq", e.ordinal, ${epoch(sql`e.event_time`)} as "eventTime",
  ${epoch(sql`e.recorded_at`)} as "recordedAt", e.kind, e.cause, e.rule, e.state`

const ofSpace = (tx: TenantTransaction, spaceId: string): SQL =>
  sql`e.tenant_id = ${tx.tenantId} and e.space_id = ${spaceId}::uuid`

interface Range {
  readonly spaceId: string
  /** From this place on, in the space's order. */
  readonly from: number
  readonly limit: number
}

export async function selectEventsFrom(
  tx: TenantTransaction,
  { spaceId, from, limit }: Range,
): Promise<EventOfSpace[]> {
  return await tx.execute<EventOfSpace>(sql`
    select ${eventColumns} from space_events e where ${ofSpace(tx, spaceId)} and e.input_seq >= ${from}
    order by e.input_seq, e.ordinal limit ${limit}`)
}

export async function selectOthersFrom(tx: TenantTransaction, { spaceId, from, limit }: Range): Promise<OtherInput[]> {
  return await tx.execute<OtherInput>(sql`
    select e.input_seq::float8 as "inputSeq", ${epoch(sql`e.recorded_at`)} as "recordedAt",
      e.policy_version as "policyVersion", e.rules_version as "rulesVersion", e.input
    from space_inputs e where ${ofSpace(tx, spaceId)} and e.input_seq >= ${from}
    order by e.input_seq limit ${limit}`)
}

/** The last event before a place in the space's order: before an input, or before one of the events of an input. */
export async function selectEventBefore(
  tx: TenantTransaction,
  { spaceId, before, ordinal = 0 }: { spaceId: string; before: number; ordinal?: number },
): Promise<EventOfSpace | undefined> {
  const [event] = await tx.execute<EventOfSpace>(sql`
    select ${eventColumns} from space_events e
    where ${ofSpace(tx, spaceId)} and e.input_seq <= ${before} and (e.input_seq, e.ordinal) < (${before}, ${ordinal})
    order by e.input_seq desc, e.ordinal desc limit 1`)
  return event
}

/** The last event that was recorded up to a time: by going back through all later ones, where the log has nothing to begin at. */
export async function selectEventAt(
  tx: TenantTransaction,
  { spaceId, at }: { spaceId: string; at: number },
): Promise<EventOfSpace | undefined> {
  const [event] = await tx.execute<EventOfSpace>(sql`
    select ${eventColumns} from space_events e where ${ofSpace(tx, spaceId)} and e.recorded_at <= ${instant(at)}
    order by e.input_seq desc, e.ordinal desc limit 1`)
  return event
}

/** Of the reservation in force after an input: its own events, the newest first. */
export async function selectReservationEvents(
  tx: TenantTransaction,
  { spaceId, upTo }: { spaceId: string; upTo: number },
): Promise<EventOfSpace[]> {
  return await tx.execute<EventOfSpace>(sql`
    select ${eventColumns} from space_events e
    where ${ofSpace(tx, spaceId)} and e.input_seq <= ${upTo} and e.cause->>'type' = 'reservation'
    order by e.input_seq desc, e.ordinal desc limit 20`)
}

/**
 * The last that overrides and reservations each brought about up to a time of its own, whenever that was recorded; the
 * newest first. However many reservations there were since, an override holds.
 */
export async function selectCalendarEvents(
  tx: TenantTransaction,
  { spaceId, until }: { spaceId: string; until: number },
): Promise<EventOfSpace[]> {
  const last = (rule: string, limit: number) => sql`(
    select ${eventColumns} from space_events e
    where ${ofSpace(tx, spaceId)} and e.event_time <= ${instant(until)} and e.rule = ${rule}
    order by e.input_seq desc, e.ordinal desc limit ${limit})`
  return await tx.execute<EventOfSpace>(sql`
    ${last('override', 5)} union all ${last('reservation', 20)} order by "inputSeq" desc, ordinal desc`)
}

/** What was recorded in [from, to), in the space's order, behind a place in it. */
export async function selectHistory(
  tx: TenantTransaction,
  page: { spaceId: string; from: number; to: number; after: readonly [number, number] | undefined; limit: number },
): Promise<EventOfSpace[]> {
  const { spaceId, from, to, after, limit } = page
  return await tx.execute<EventOfSpace>(sql`
    select ${eventColumns} from space_events e
    where ${ofSpace(tx, spaceId)} and e.recorded_at >= ${instant(from)} and e.recorded_at < ${instant(to)}
      ${after === undefined ? sql`` : sql`and (e.input_seq, e.ordinal) > (${after[0]}, ${after[1]})`}
    order by e.input_seq, e.ordinal limit ${limit}`)
}
