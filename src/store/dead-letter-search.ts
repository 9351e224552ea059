import { sql, type SQL } from 'drizzle-orm'
import { plain } from './arrays.ts'
import type { Outcome } from './books.ts'
import { deadOutcomes, listedOutcomes, type ListedOutcome } from './dead-letters.ts'
import { payloadBytesShown, selectPayloads } from './explain-readings.ts'
import { epoch, instant } from './explain-space.ts'
import { searchBackwards, spans, type FoundRows, type LogKey, type LogWindow } from './log-windows.ts'
import { outcomeIn } from './reading-search.ts'
import { isDead } from './redrive-attempts.ts'
import type { TenantTransaction } from './transactions.ts'

/** Dead letters as one tenant sees them; `dead-letters.ts` says what they are. */
export interface LetterFilter {
  readonly outcomes: readonly ListedOutcome[]
  readonly device: string | undefined
  /** A regular expression that the topic must match: see `topicPattern`. */
  readonly topic: string | undefined
  /** Arrived in [from, to), epoch milliseconds; from the oldest on where undefined. */
  readonly from: number | undefined
  readonly to: number
}

interface Stored {
  topic: string
  delivery: string | null
  /** Its first bytes, where they stand on this part, and how many there are. */
  payload: Buffer | null
  bytes: number | null
}

export interface ListedLetter extends LogKey, Stored, Record<string, unknown> {
  device: string | null
  observedAt: number | null
  outcome: ListedOutcome
  reason: string | null
  /** How often it was tried; what the last attempt came to is null where it was cut off or there was none. */
  attempts: number
  lastOutcome: Outcome | null
  lastReason: string | null
}

export interface LetterSearch {
  readonly filter: LetterFilter
  readonly before: LogKey | undefined
  readonly limit: number
  /** No further window is begun once it is aborted. */
  readonly signal: AbortSignal
}

/** One page, the newest first. */
export async function searchLetters(
  tx: TenantTransaction,
  { filter, ...page }: LetterSearch,
): Promise<FoundRows<ListedLetter>> {
  const from = filter.from ?? (await firstLoggedAt(tx))
  return await searchBackwards(
    { ...page, from, to: filter.to },
    spans[filter.outcomes.every(isDead) ? 'indexed' : 'scanned'],
    (window) => selectLetters(tx, filter, window),
  )
}

/** From when on there may be anything: the beginning of the oldest day of the log. */
async function firstLoggedAt(tx: TenantTransaction): Promise<number> {
  const [row] = await tx.execute<{ first: number | null }>(sql`
    select ${epoch(sql`to_date(min(substring(c.relname from 'readings_([0-9]{8})$')), 'YYYYMMDD')::timestamp at time zone 'UTC'`)} as first
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'public.readings'::regclass`)
  return row?.first ?? 0
}

async function selectLetters(
  tx: TenantTransaction,
  filter: LetterFilter,
  { from, until, limit }: LogWindow,
): Promise<ListedLetter[]> {
  return await tx.execute<ListedLetter>(sql`
    select r.id, r.part, ${epoch(sql`r.received_at`)} as "receivedAt", r.topic, r.device, r.delivery, r.outcome, r.reason,
      ${epoch(sql`r.observed_at`)} as "observedAt", substring(r.payload from 1 for ${payloadBytesShown}) as payload,
      length(r.payload) as bytes, tried.attempts, tried.outcome as "lastOutcome", tried.reason as "lastReason"
    from readings r
    cross join lateral (
      select count(*)::integer as attempts, (array_agg(a.outcome order by a.attempt desc))[1] as outcome,
        (array_agg(a.reason order by a.attempt desc))[1] as reason
      from redrive_attempts a where a.tenant_id = r.tenant_id and a.reading_id = r.id and a.part = r.part
    ) tried
    where ${isLetter(tx, filter)} and r.received_at >= ${instant(from)} and r.received_at <= ${instant(until.receivedAt)}
      and (r.received_at, r.id, r.part) < (${instant(until.receivedAt)}, ${until.id}::uuid, ${until.part})
    order by r.received_at desc, r.id desc, r.part desc limit ${limit}`)
}

/** One that had its effect since, by a redrive, is none any more. */
function isLetter(tx: TenantTransaction, { outcomes, device, topic }: Omit<LetterFilter, 'from' | 'to'>): SQL {
  return sql`r.tenant_id = ${tx.tenantId} ${outcomeIn(outcomes)} and r.delivery is distinct from 'redrive'
    ${device === undefined ? sql`` : sql`and r.device = ${device}`} ${topic === undefined ? sql`` : sql`and r.topic ~ ${topic}`}
    and not exists (
      select from redrive_attempts a where a.tenant_id = r.tenant_id and a.reading_id = r.id and a.part = r.part
        and a.outcome <> all (${plain(deadOutcomes)}::text[]))`
}

export interface CountedLetters extends Record<string, unknown> {
  outcome: ListedOutcome
  reason: string | null
  count: number
}

/** By outcome and reason, the most frequent first: at most `limit` of them, and how many there are in all. */
export async function countLetters(
  tx: TenantTransaction,
  { filter, limit }: { filter: LetterFilter; limit: number },
): Promise<{ counts: CountedLetters[]; total: number }> {
  const { from, to } = filter
  const rows = await tx.execute<CountedLetters & { total: number }>(sql`
    select r.outcome, r.reason, count(*)::float8 as count, (sum(count(*)) over ())::float8 as total
    from readings r
    where ${isLetter(tx, filter)} and r.received_at < ${instant(to)}
      ${from === undefined ? sql`` : sql`and r.received_at >= ${instant(from)}`}
    group by r.outcome, r.reason order by count(*) desc, r.outcome, r.reason limit ${limit}`)
  return { counts: rows.map(({ outcome, reason, count }) => ({ outcome, reason, count })), total: rows[0]?.total ?? 0 }
}

/** A message with those of its readings that are, or were, dead letters. */
export interface FoundMessage extends Stored {
  readonly id: string
  readonly receivedAt: number
  readonly parts: readonly FoundPart[]
}

interface PartRow extends Record<string, unknown> {
  part: number
  device: string | null
  observedAt: number | null
  outcome: ListedOutcome
  reason: string | null
}

export interface FoundPart extends PartRow {
  attempts: readonly FoundAttempt[]
}

export interface FoundAttempt extends Record<string, unknown> {
  attempt: number
  by: string
  startedAt: number
  /** Null, with the outcome, while it is being made, and for good where it was cut off. */
  endedAt: number | null
  outcome: Outcome | null
  reason: string | null
}

/** By its id; undefined where the log has none, or all of it had its effect at once. */
export async function selectMessage(tx: TenantTransaction, id: string): Promise<FoundMessage | undefined> {
  const receivedAt = await findArrival(tx, id)
  if (receivedAt === undefined) return undefined
  const rows = await tx.execute<PartRow & Stored>(sql`
    select r.part, r.device, ${epoch(sql`r.observed_at`)} as "observedAt", r.outcome, r.reason, r.topic, r.delivery,
      substring(r.payload from 1 for ${payloadBytesShown}) as payload, length(r.payload) as bytes
    from readings r
    where r.tenant_id = ${tx.tenantId} and r.id = ${id} and r.received_at = ${instant(receivedAt)}
      and r.outcome = any(${plain(listedOutcomes)}::text[]) order by r.part`)
  const [first] = rows
  if (first === undefined) return undefined
  const attempts = await tx.execute<FoundAttempt & { part: number }>(sql`
    select part, attempt, attempted_by as by, ${epoch(sql`started_at`)} as "startedAt", ${epoch(sql`ended_at`)} as "endedAt",
      outcome, reason
    from redrive_attempts where tenant_id = ${tx.tenantId} and reading_id = ${id} order by part, attempt`)
  // The payload stands on the first part, which may have had its effect.
  const elsewhere = first.part === 0 ? undefined : (await selectPayloads(tx, [{ id, receivedAt }])).get(id)
  const { topic, delivery, payload, bytes } = { ...first, ...elsewhere }
  const parts = rows.map(({ part, device, observedAt, outcome, reason }) => ({
    part,
    device,
    observedAt,
    outcome,
    reason,
    attempts: attempts.filter((one) => one.part === part),
  }))
  return { id, receivedAt, topic, delivery, payload, bytes, parts }
}

/** Around the time in an id, a UUIDv7, its message arrived. */
const slackMs = 600_000

/** An index has those of dead outcomes by tenant and arrival; nothing knows the others but by the time in their id. */
async function findArrival(tx: TenantTransaction, id: string): Promise<number | undefined> {
  const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
  const near = sql`and r.received_at between ${instant(madeAt - slackMs)} and ${instant(madeAt + slackMs)}`
  const tries = [
    sql`${outcomeIn(deadOutcomes)} ${near}`,
    sql`${outcomeIn(listedOutcomes)} ${near}`,
    outcomeIn(deadOutcomes),
  ]
  for (const which of tries) {
    // oxlint-disable-next-line no-await-in-loop -- the cheapest first
    const [row] = await tx.execute<{ receivedAt: number }>(sql`
      select ${epoch(sql`r.received_at`)} as "receivedAt" from readings r
      where r.tenant_id = ${tx.tenantId} and r.id = ${id} and r.delivery is distinct from 'redrive' ${which} limit 1`)
    if (row !== undefined) return row.receivedAt
  }
  return undefined
}
