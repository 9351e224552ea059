import { plain, texts } from './arrays.ts'
import type { Outcome } from './books.ts'
import { deadOutcomes, type DeadLetter } from './dead-letters.ts'
import type { SnapshotTransaction, SystemDatabase, SystemTransaction } from './transactions.ts'

/**
 * Attempts to redrive dead letters. An attempt is begun in a transaction of its own and ended in the one that logs what
 * it came to, so one that was cut off has done nothing. `lockAttempts` lets two that hold the same letter pass one after
 * the other: the second finds that it is not the last, or that nothing is left to do.
 */
export interface NewAttempt {
  readonly tenantId: string
  readonly id: string
  readonly part: number
  readonly receivedAt: number
  /** From 1. */
  readonly attempt: number
  readonly redrivenId: string
}

/** Begins attempts; answers those that nobody else had begun. */
export async function beginAttempts<T extends NewAttempt>(
  tx: SystemTransaction,
  attempts: readonly T[],
  { by, at }: { by: string; at: number },
): Promise<T[]> {
  if (attempts.length === 0) return []
  const rows = await tx<{ id: string; part: number }[]>`
    INSERT INTO redrive_attempts
      (tenant_id, reading_id, part, received_at, attempt, redriven_id, attempted_by, started_at)
    SELECT tenant_id, id, part, received_at, attempt, redriven_id, ${by}, ${new Date(at)}
    FROM unnest(
      ${plain(attempts.map((one) => one.tenantId))}::uuid[], ${plain(attempts.map((one) => one.id))}::uuid[],
      ${plain(attempts.map((one) => one.part))}::integer[],
      ${texts(attempts.map((one) => new Date(one.receivedAt).toISOString()))}::timestamptz[],
      ${plain(attempts.map((one) => one.attempt))}::integer[],
      ${plain(attempts.map((one) => one.redrivenId))}::uuid[]
    ) AS n (tenant_id, id, part, received_at, attempt, redriven_id)
    ON CONFLICT DO NOTHING
    RETURNING reading_id AS id, part`
  const begun = new Set(rows.map(({ id, part }) => `${id} ${part}`))
  return attempts.filter(({ id, part }) => begun.has(`${id} ${part}`))
}

/** Locks all attempts of the given ones' letters; answers those of the given that may still be made. */
export async function lockAttempts<T extends NewAttempt>(tx: SystemTransaction, attempts: readonly T[]): Promise<T[]> {
  const rows = await tx<{ id: string; part: number; attempt: number; outcome: Outcome | null }[]>`
    SELECT a.reading_id AS id, a.part, a.attempt, a.outcome
    FROM unnest(
      ${plain(attempts.map((one) => one.tenantId))}::uuid[], ${plain(attempts.map((one) => one.id))}::uuid[],
      ${plain(attempts.map((one) => one.part))}::integer[]
    ) AS n (tenant_id, id, part)
    JOIN redrive_attempts a ON a.tenant_id = n.tenant_id AND a.reading_id = n.id AND a.part = n.part
    ORDER BY a.reading_id, a.part, a.attempt
    FOR UPDATE OF a`
  const known = new Map<string, { last: number; settled: boolean }>()
  for (const { id, part, attempt, outcome } of rows) {
    const settled = outcome !== null && !isDead(outcome)
    known.set(`${id} ${part}`, { last: attempt, settled: settled || known.get(`${id} ${part}`)?.settled === true })
  }
  return attempts.filter(({ id, part, attempt }) => {
    const letter = known.get(`${id} ${part}`)
    return letter?.last === attempt && !letter.settled
  })
}

export function isDead(outcome: Outcome): boolean {
  return deadOutcomes.some((one) => one === outcome)
}

export interface EndedAttempt extends NewAttempt {
  readonly outcome: Outcome
  readonly reason: string | null
}

export async function endAttempts(
  tx: SystemTransaction,
  attempts: readonly EndedAttempt[],
  { at }: { at: number },
): Promise<void> {
  await tx`
    UPDATE redrive_attempts a SET ended_at = ${new Date(at)}, outcome = n.outcome, reason = n.reason
    FROM unnest(
      ${plain(attempts.map((one) => one.tenantId))}::uuid[], ${plain(attempts.map((one) => one.id))}::uuid[],
      ${plain(attempts.map((one) => one.part))}::integer[], ${plain(attempts.map((one) => one.attempt))}::integer[],
      ${plain(attempts.map((one) => one.outcome))}::text[], ${texts(attempts.map((one) => one.reason))}::text[]
    ) AS n (tenant_id, id, part, attempt, outcome, reason)
    WHERE a.tenant_id = n.tenant_id AND a.reading_id = n.id AND a.part = n.part AND a.attempt = n.attempt`
}

/**
 * Readings of the given letters' messages that earlier attempts logged, by message id: part and outcome. Asks the log only
 * where there was an earlier attempt.
 */
export async function readRedriven(
  tx: SystemTransaction,
  letters: readonly Pick<DeadLetter, 'tenantId' | 'id' | 'attempts'>[],
): Promise<Map<string, Map<number, Outcome>>> {
  const tried = letters.filter(({ attempts }) => attempts > 0)
  if (tried.length === 0) return new Map()
  const attempts = await tx<{ id: string; redriven_id: string; received_at: Date }[]>`
    SELECT DISTINCT a.reading_id AS id, a.redriven_id, a.received_at
    FROM unnest(
      ${plain(tried.map(({ tenantId }) => tenantId))}::uuid[], ${plain(tried.map(({ id }) => id))}::uuid[]
    ) AS n (tenant_id, id)
    JOIN redrive_attempts a ON a.tenant_id = n.tenant_id AND a.reading_id = n.id`
  const originals = new Map(attempts.map((row) => [row.redriven_id, row.id]))
  const times = attempts.map((row) => row.received_at.getTime())
  const rows = await tx<{ id: string; part: number; outcome: Outcome }[]>`
    SELECT r.id, r.part, r.outcome FROM unnest(${plain([...originals.keys()])}::uuid[]) AS n (id)
    JOIN readings r ON r.id = n.id AND r.delivery = 'redrive'
      AND r.received_at BETWEEN ${new Date(times.reduce((a, b) => Math.min(a, b)))} AND ${new Date(times.reduce((a, b) => Math.max(a, b)))}`
  const redriven = new Map<string, Map<number, Outcome>>()
  for (const { id, part, outcome } of rows) {
    const original = originals.get(id) ?? id
    const ofMessage = redriven.get(original) ?? new Map<number, Outcome>()
    redriven.set(original, ofMessage.set(part, outcome))
  }
  return redriven
}

/** The messages that redriven readings are of, by the id of the reading: there their payloads stand. */
export async function readOriginals(
  tx: SnapshotTransaction,
  redrivenIds: readonly string[],
): Promise<Map<string, string>> {
  if (redrivenIds.length === 0) return new Map()
  const rows = await tx<{ redriven_id: string; reading_id: string }[]>`
    SELECT DISTINCT a.redriven_id, a.reading_id
    FROM unnest(${plain(redrivenIds)}::uuid[]) AS n (id) JOIN redrive_attempts a ON a.redriven_id = n.id`
  return new Map(rows.map((row) => [row.redriven_id, row.reading_id]))
}

/**
 * Does `work` while nobody else redrives the same tenant, so that the order of each device holds; undefined where
 * somebody does. The lock lives in a transaction that does nothing else and ends with its connection.
 *
 * @param database a client of its own: `work` needs connections too
 */
export async function whileAlone<T>(
  database: SystemDatabase,
  tenantId: string,
  work: () => Promise<T>,
): Promise<{ result: T } | undefined> {
  return await database.withSystem(async (tx) => {
    const [row] = await tx<{ alone: boolean }[]>`
      SELECT pg_try_advisory_xact_lock(hashtextextended('baywire.redrive ' || ${tenantId}, 0)) AS alone`
    return row?.alone === true ? { result: await work() } : undefined
  })
}
