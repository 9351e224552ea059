import { sql, type SQL } from 'drizzle-orm'
import type { Clock } from '../occupancy/evidence.ts'
import { plain, plainOf, texts } from './arrays.ts'
import type { Outcome } from './books.ts'
import { epoch, instant, type ExplainedSpace } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/** A row of the raw log as explaining reads it, times in epoch milliseconds. */
export interface HeardReading extends Record<string, unknown> {
  id: string
  part: number
  receivedAt: number
  /** When it could first count: its arrival, and of a redriven one the end of that attempt. */
  countsFrom: number
  observedAt: number | null
  device: string | null
  deviceId: string | null
  session: string | null
  counter: number | null
  /** As text: they are compared and never counted with. */
  identity: string | null
  content: string | null
  clock: Clock | null
  occupied: boolean | null
  topic: string
  /** Its first bytes, where they stand on this part, and how many there are. */
  payload: Buffer | null
  bytes: number | null
  delivery: string | null
  outcome: Outcome
  reason: string | null
  inputSeq: number | null
  policyVersion: number | null
  rulesVersion: number | null
}

/** So much of a payload is shown; a gateway's may have 64 KiB. */
export const payloadBytesShown = 1024

/** Numbers as such: Drizzle's client gives bigint columns as they come. */
export const readingColumns = sql`r.id, r.part, ${epoch(sql`r.received_at`)} as "receivedAt",
  case when r.delivery = 'redrive' then coalesce((select ${epoch(sql`max(a.ended_at)`)} from redrive_attempts a
    where a.redriven_id = r.id), ${epoch(sql`r.received_at`)}) else ${epoch(sql`r.received_at`)} end as "countsFrom",
  ${epoch(sql`r.observed_at`)} as "observedAt", r.device, r.device_id as "deviceId", r.session,
  r.counter::float8 as counter, r.identity::text as identity, r.content::text as content, r.clock, r.occupied, r.topic,
  substring(r.payload from 1 for ${payloadBytesShown}) as payload, length(r.payload) as bytes, r.delivery, r.outcome,
  r.reason, r.input_seq::float8 as "inputSeq", r.policy_version as "policyVersion",
  r.rules_version as "rulesVersion"`

/** What was heard of a space's devices and belongs to it, or to no space at all. */
function heardOf({ id, devices }: Pick<ExplainedSpace, 'id' | 'devices'>): SQL {
  const deviceIds = plainOf(devices, (device) => device.id)
  return sql`r.device_id = any(${deviceIds}::uuid[]) and (r.space_id = ${id}::uuid or r.space_id is null)`
}

interface Window {
  readonly space: Pick<ExplainedSpace, 'id' | 'devices'>
  /** Arrived in (after, until]. */
  readonly after: number
  readonly until: number
  /** Where the page before ended. */
  readonly before?: HeardReading | undefined
  readonly limit: number
}

/** What arrived in a window, the newest first. */
export async function selectHeard(
  tx: TenantTransaction,
  { space, after, until, before, limit }: Window,
): Promise<HeardReading[]> {
  return await tx.execute<HeardReading>(sql`
    select ${readingColumns} from readings r
    where ${heardOf(space)} and r.received_at > ${instant(after)} and r.received_at <= ${instant(until)}
      ${before === undefined ? sql`` : sql`and (r.received_at, r.id, r.part) < (${instant(before.receivedAt)}, ${before.id}::uuid, ${before.part})`}
    order by r.received_at desc, r.id desc, r.part desc limit ${limit}`)
}

/** The readings of a space at places in its order, wherever in the log they are. */
export async function selectBySeq(
  tx: TenantTransaction,
  { space, seqs }: { space: Pick<ExplainedSpace, 'id' | 'devices'>; seqs: readonly number[] },
): Promise<HeardReading[]> {
  return await tx.execute<HeardReading>(sql`
    select ${readingColumns} from readings r
    where ${heardOf(space)} and r.input_seq = any(${plain(seqs)}::bigint[]) limit ${seqs.length}`)
}

/** The evidence of a space up to a time, by what the devices say of when it was; the newest first. */
export async function selectEvidence(
  tx: TenantTransaction,
  { space, until, arrivedAfter, limit }: Omit<Window, 'after' | 'before'> & { arrivedAfter: number },
): Promise<HeardReading[]> {
  return await tx.execute<HeardReading>(sql`
    select ${readingColumns} from readings r
    where ${heardOf(space)} and r.input_seq is not null and r.observed_at <= ${instant(until)}
      and r.received_at > ${instant(arrivedAfter)}
    order by r.observed_at desc, r.input_seq desc limit ${limit}`)
}

/** The last messages under these devices' names that could not be read: they belong to no device, and so to no space. */
export async function selectUnreadable(
  tx: TenantTransaction,
  { space, after, until, limit }: Omit<Window, 'before'>,
): Promise<HeardReading[]> {
  const codes = texts(space.devices.map(({ code }) => code))
  return await tx.execute<HeardReading>(sql`
    select ${readingColumns} from readings r
    where r.tenant_id = ${tx.tenantId} and r.outcome = 'malformed' and r.device = any(${codes}::text[])
      and r.received_at > ${instant(after)} and r.received_at <= ${instant(until)}
    order by r.received_at desc, r.id desc, r.part desc limit ${limit}`)
}

export interface TakenBefore extends Record<string, unknown> {
  /** Place among those that were asked for. */
  place: number
  id: string
  part: number
  receivedAt: number
}

/** For each duplicate the reading that it is one of: the first of the same identity that reached the state machine. */
export async function selectTaken(tx: TenantTransaction, duplicates: readonly HeardReading[]): Promise<TakenBefore[]> {
  if (duplicates.length === 0) return []
  return await tx.execute<TakenBefore>(sql`
    select n.place::float8 as place, r.id, r.part, ${epoch(sql`r.received_at`)} as "receivedAt"
    from unnest(
      ${plainOf(duplicates, (one) => one.deviceId)}::uuid[], ${plainOf(duplicates, (one) => one.identity)}::bigint[],
      ${texts(duplicates.map((one) => one.session))}::text[], ${plainOf(duplicates, (one) => one.content)}::bigint[]
    ) with ordinality as n (device_id, identity, session, content, place)
    cross join lateral (
      select id, part, received_at from readings r
      where r.device_id = n.device_id and r.identity = n.identity and r.input_seq is not null
        and r.session is not distinct from n.session and r.content is not distinct from n.content
      order by r.input_seq limit 1
    ) r`)
}

export interface StoredPayload extends Record<string, unknown> {
  id: string
  topic: string
  payload: Buffer | null
  bytes: number
}

/**
 * Payloads of messages that stand elsewhere than on the part asked for: on the first one, and those of redriven readings on
 * their originals, which arrived at the same time. By the id that was asked for.
 */
export async function selectPayloads(
  tx: TenantTransaction,
  wanted: readonly Pick<HeardReading, 'id' | 'receivedAt'>[],
): Promise<Map<string, StoredPayload>> {
  if (wanted.length === 0) return new Map()
  const times = wanted.map(({ receivedAt }) => receivedAt)
  const rows = await tx.execute<StoredPayload>(sql`
    select n.id, r.topic, substring(r.payload from 1 for ${payloadBytesShown}) as payload, length(r.payload) as bytes
    from (
      select id, coalesce((select a.reading_id from redrive_attempts a where a.redriven_id = id limit 1), id) as logged
      from unnest(${plainOf(wanted, ({ id }) => id)}::uuid[]) as ids (id)
    ) as n
    join readings r on r.id = n.logged and r.part = 0 and r.tenant_id = ${tx.tenantId}
      and r.received_at between ${instant(Math.min(...times))} and ${instant(Math.max(...times))}`)
  return new Map(rows.map((row) => [row.id, row]))
}
