import type { Outcome } from './books.ts'
import { plain, texts } from './arrays.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { SystemTransaction } from './transactions.ts'

/** A logged message with all that its parts came to: what `baywire dlq show` shows. Times in epoch milliseconds. */
export interface LoggedMessage {
  readonly id: string
  readonly tenant: string
  readonly topic: string
  readonly receivedAt: number
  readonly delivery: string | null
  readonly payload: Buffer
  readonly parts: readonly LoggedPart[]
}

interface LoggedPart {
  readonly part: number
  readonly device: string | null
  readonly observedAt: number | null
  readonly outcome: Outcome
  readonly reason: string | null
  readonly attempts: readonly Attempt[]
}

interface Attempt {
  readonly attempt: number
  readonly by: string
  readonly startedAt: number
  /** Null, with the outcome, while it is being made, and for good where it was cut off. */
  readonly endedAt: number | null
  readonly outcome: Outcome | null
  readonly reason: string | null
}

interface PartRow {
  tenant: string
  topic: string
  part: number
  delivery: string | null
  payload: Buffer | null
  device: string | null
  observed_at: Date | null
  outcome: Outcome
  reason: string | null
}

/** A message by its id; undefined where the log has none (any more). */
export async function readMessage(
  tx: SystemTransaction,
  { id, tenantId }: { id: string; tenantId: string | undefined },
): Promise<LoggedMessage | undefined> {
  const receivedAt = await findArrival(tx, { id, tenantId: tenantId ?? null })
  if (receivedAt === undefined) return undefined
  const [rows, attempts] = await Promise.all([
    tx<PartRow[]>`
      SELECT t.slug AS tenant, r.topic, r.part, r.delivery, r.payload, r.device, r.observed_at, r.outcome, r.reason
      FROM readings r JOIN tenants t ON t.id = r.tenant_id
      WHERE r.received_at = ${receivedAt} AND r.id = ${id} ORDER BY r.part`,
    readAttempts(tx, id),
  ])
  const [first] = rows
  if (first === undefined) return undefined
  const { tenant, topic, delivery, payload } = first
  const parts = rows.map(({ part, device, observed_at: observedAt, outcome, reason }) => ({
    part,
    device,
    outcome,
    reason,
    observedAt: observedAt?.getTime() ?? null,
    attempts: attempts.get(part) ?? [],
  }))
  return { id, tenant, topic, receivedAt: receivedAt.getTime(), delivery, payload: payload ?? Buffer.alloc(0), parts }
}

const dayMs = 86_400_000

/**
 * When a message arrived. Nothing but dead letters is indexed so that its id finds it; of the rest the id, a UUIDv7,
 * says the day.
 */
async function findArrival(
  tx: SystemTransaction,
  { id, tenantId }: { id: string; tenantId: string | null },
): Promise<Date | undefined> {
  const [dead] = await tx<{ received_at: Date }[]>`
    SELECT r.received_at FROM readings r
    WHERE r.id = ${id} AND (${tenantId}::uuid IS NULL OR r.tenant_id = ${tenantId}::uuid)
      AND r.outcome IN ('malformed', 'unknown_device', 'retained', 'unassigned') LIMIT 1`
  if (dead !== undefined) return dead.received_at
  const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
  const [any] = await tx<{ received_at: Date }[]>`
    SELECT r.received_at FROM readings r
    WHERE r.id = ${id} AND (${tenantId}::uuid IS NULL OR r.tenant_id = ${tenantId}::uuid)
      AND r.received_at BETWEEN ${new Date(madeAt - dayMs)} AND ${new Date(madeAt + dayMs)} LIMIT 1`
  return any?.received_at
}

async function readAttempts(tx: SystemTransaction, id: string): Promise<Map<number, Attempt[]>> {
  const rows = await tx<
    (Omit<Attempt, 'startedAt' | 'endedAt'> & { part: number; startedAt: Date; endedAt: Date | null })[]
  >`
    SELECT part, attempt, attempted_by AS by, started_at AS "startedAt", ended_at AS "endedAt", outcome, reason
    FROM redrive_attempts WHERE reading_id = ${id} ORDER BY part, attempt`
  const attempts = new Map<number, Attempt[]>()
  for (const { part, startedAt, endedAt, ...row } of rows) {
    const ofPart = attempts.get(part) ?? []
    attempts.set(part, ofPart)
    ofPart.push({ ...row, startedAt: startedAt.getTime(), endedAt: endedAt?.getTime() ?? null })
  }
  return attempts
}

/** What a redrive needs of a message besides its dead letters. */
export interface StoredMessage {
  readonly id: string
  readonly payload: Buffer
  /** The id under which earlier attempts were to log its readings; null before the first. */
  readonly redrivenId: string | null
}

type MessageKey = Pick<DeadLetter, 'tenantId' | 'id' | 'receivedAt'>

/**
 * Messages by their ids; those that the log has no more are left out. A payload stands on the first part: where that is a
 * dead letter too, an index has it.
 */
export async function readStoredMessages(
  tx: SystemTransaction,
  keys: readonly MessageKey[],
): Promise<Map<string, StoredMessage>> {
  if (keys.length === 0) return new Map()
  const rows = await tx<{ id: string; payload: Buffer | null; redrivenId: string | null }[]>`
    SELECT n.id, first.payload, tried.redriven_id AS "redrivenId"
    FROM unnest(
      ${plain(keys.map(({ tenantId }) => tenantId))}::uuid[], ${plain(keys.map(({ id }) => id))}::uuid[],
      ${instants(keys)}::timestamptz[]
    ) AS n (tenant_id, id, received_at)
    LEFT JOIN LATERAL (
      SELECT r.payload FROM readings r
      WHERE r.tenant_id = n.tenant_id AND r.received_at = n.received_at AND r.id = n.id AND r.part = 0
        AND r.outcome IN ('malformed', 'unknown_device', 'retained', 'unassigned') LIMIT 1
    ) first ON true
    LEFT JOIN LATERAL (
      SELECT a.redriven_id FROM redrive_attempts a WHERE a.tenant_id = n.tenant_id AND a.reading_id = n.id LIMIT 1
    ) tried ON true`
  const elsewhere = new Set(rows.filter(({ payload }) => payload === null).map(({ id }) => id))
  const payloads = await readFirstPayloads(
    tx,
    keys.filter(({ id }) => elsewhere.has(id)),
  )
  return new Map(
    rows.flatMap((row) => {
      const payload = row.payload ?? payloads.get(row.id)
      return payload === undefined ? [] : [[row.id, { ...row, payload }] as const]
    }),
  )
}

/** By one pass over the log between the first arrival and the last: no index knows a message by its id. */
async function readFirstPayloads(tx: SystemTransaction, keys: readonly MessageKey[]): Promise<Map<string, Buffer>> {
  if (keys.length === 0) return new Map()
  const rows = await tx<{ id: string; payload: Buffer }[]>`
    SELECT r.id, r.payload FROM unnest(${plain(keys.map(({ id }) => id))}::uuid[]) AS n (id)
    JOIN readings r ON r.id = n.id AND r.part = 0 AND ${between(tx, keys)}`
  return new Map(rows.map((row) => [row.id, row.payload]))
}

/** How many readings the decoder found in each message when it arrived. Likewise one pass. */
export async function countLoggedParts(
  tx: SystemTransaction,
  keys: readonly MessageKey[],
): Promise<Map<string, number>> {
  if (keys.length === 0) return new Map()
  const rows = await tx<{ id: string; parts: number }[]>`
    SELECT r.id, count(*)::integer AS parts FROM unnest(${plain(keys.map(({ id }) => id))}::uuid[]) AS n (id)
    JOIN readings r ON r.id = n.id AND ${between(tx, keys)} GROUP BY r.id`
  return new Map(rows.map((row) => [row.id, row.parts]))
}

function between(tx: SystemTransaction, keys: readonly MessageKey[]) {
  const times = keys.map(({ receivedAt }) => receivedAt)
  const [first, last] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))]
  return tx`r.received_at BETWEEN ${new Date(first)} AND ${new Date(last)}`
}

function instants(keys: readonly MessageKey[]): string {
  return texts(keys.map(({ receivedAt }) => new Date(receivedAt).toISOString()))
}
