import type { Outcome } from './books.ts'
import type { SystemTransaction } from './transactions.ts'

/**
 * Dead letters: logged deliveries that had no effect and may have one once the cause is mended. `late` and
 * `duplicate` can be listed too, though they are no faults: nothing of them is missing. A reading that a redrive
 * logged is never a dead letter itself; its original is one until an attempt had an effect.
 */
export const deadOutcomes = ['malformed', 'unknown_device', 'retained', 'unassigned'] as const satisfies Outcome[]
export const listedOutcomes = [...deadOutcomes, 'duplicate', 'late'] as const satisfies Outcome[]
export type ListedOutcome = (typeof listedOutcomes)[number]

/** Times in epoch milliseconds, [since, until), of arrival. What is undefined does not narrow. */
export interface DeadLetterFilter {
  readonly tenantId?: string | undefined
  /** Those of `deadOutcomes` where undefined. */
  readonly outcomes?: readonly ListedOutcome[] | undefined
  readonly device?: string | undefined
  /** A regular expression that the topic must match: see `topicPattern`. */
  readonly topic?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export interface DeadLetterKey {
  readonly receivedAt: number
  readonly id: string
  readonly part: number
}

export interface DeadLetter extends DeadLetterKey {
  readonly tenantId: string
  /** The tenant's slug. */
  readonly tenant: string
  readonly topic: string
  readonly device: string | null
  readonly observedAt: number | null
  readonly delivery: string | null
  readonly outcome: ListedOutcome
  readonly reason: string | null
  /** How often it was tried; what the last attempt came to is null where it was cut off or there was none. */
  readonly attempts: number
  readonly lastOutcome: Outcome | null
  readonly lastReason: string | null
}

interface Page {
  readonly filter: DeadLetterFilter
  readonly order: 'newest first' | 'oldest first'
  /** Where the page before ended. */
  readonly after: DeadLetterKey | undefined
  readonly limit: number
}

type Row = Omit<DeadLetter, 'receivedAt' | 'observedAt'> & { receivedAt: Date; observedAt: Date | null }

/** One page, by arrival, then message id and part. */
export async function readDeadLetters(tx: SystemTransaction, page: Page): Promise<DeadLetter[]> {
  const { after, order } = page
  const direction = order === 'newest first' ? tx`DESC` : tx``
  const position = after && tx`(${new Date(after.receivedAt)}::timestamptz, ${after.id}::uuid, ${after.part}::integer)`
  const behind = order === 'newest first' ? tx`<` : tx`>`
  const rows = await tx<Row[]>`
    SELECT r.tenant_id AS "tenantId", t.slug AS tenant, r.id, r.part, r.received_at AS "receivedAt", r.topic, r.device,
      r.observed_at AS "observedAt", r.delivery, r.outcome, r.reason, tried.attempts,
      tried.outcome AS "lastOutcome", tried.reason AS "lastReason"
    ${fromDeadLetters(tx, page.filter)}
      ${position === undefined ? tx`` : tx`AND (r.received_at, r.id, r.part) ${behind} ${position}`}
    ORDER BY r.received_at ${direction}, r.id ${direction}, r.part ${direction} LIMIT ${page.limit}`
  return rows.map((row) => ({
    ...row,
    receivedAt: row.receivedAt.getTime(),
    observedAt: row.observedAt?.getTime() ?? null,
  }))
}

export interface TenantDeadLetters {
  readonly tenantId: string
  readonly tenant: string
  readonly count: number
}

/** How many there are, of each tenant that has any, by slug. */
export async function countDeadLetters(tx: SystemTransaction, filter: DeadLetterFilter): Promise<TenantDeadLetters[]> {
  return await tx<TenantDeadLetters[]>`
    SELECT r.tenant_id AS "tenantId", t.slug AS tenant, count(*) AS count
    ${fromDeadLetters(tx, filter)}
    GROUP BY r.tenant_id, t.slug ORDER BY t.slug`
}

function fromDeadLetters(tx: SystemTransaction, filter: DeadLetterFilter) {
  const { tenantId = null, device = null, topic = null, since, until } = filter
  const outcomes = filter.outcomes ?? deadOutcomes
  // Written out, or Postgres would not see that the index on dead letters has them all.
  const dead = outcomes.every((outcome) => deadOutcomes.some((one) => one === outcome))
    ? tx`AND r.outcome IN ('malformed', 'unknown_device', 'retained', 'unassigned')`
    : tx``
  const from = since === undefined ? null : new Date(since)
  const to = until === undefined ? null : new Date(until)
  return tx`
    FROM readings r JOIN tenants t ON t.id = r.tenant_id
    CROSS JOIN LATERAL (
      SELECT count(*)::integer AS attempts, (array_agg(a.outcome ORDER BY a.attempt DESC))[1] AS outcome,
        (array_agg(a.reason ORDER BY a.attempt DESC))[1] AS reason,
        bool_or(a.outcome NOT IN ('malformed', 'unknown_device', 'retained', 'unassigned')) AS settled
      FROM redrive_attempts a WHERE a.tenant_id = r.tenant_id AND a.reading_id = r.id AND a.part = r.part
    ) tried
    WHERE r.outcome IN ${tx([...outcomes])} ${dead}
      AND r.delivery IS DISTINCT FROM 'redrive' AND tried.settled IS NOT TRUE
      AND (${tenantId}::uuid IS NULL OR r.tenant_id = ${tenantId}::uuid)
      AND (${device}::text IS NULL OR r.device = ${device}::text)
      AND (${topic}::text IS NULL OR r.topic ~ ${topic}::text)
      AND (${from}::timestamptz IS NULL OR r.received_at >= ${from}::timestamptz)
      AND (${to}::timestamptz IS NULL OR r.received_at < ${to}::timestamptz)`
}
