import { sql, type SQL } from 'drizzle-orm'
import type { Outcome } from './books.ts'
import type { deadOutcomes } from './dead-letters.ts'
import { epoch } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Redrives that people ask for over the API: what a tenant sees of them, and what it may say. Whoever does them goes by
 * `redrive-runs.ts`.
 */
export const redriveStatuses = ['waiting', 'running', 'done', 'failed'] as const
export type RedriveStatus = (typeof redriveStatuses)[number]

/**
 * Why a redrive failed. `more_letters`: there were more than were expected, and nothing was done; `given_up`: whoever ran it
 * was gone, too often; `internal`: the log of the ingest process says more.
 */
export const redriveFailures = ['cancelled', 'more_letters', 'given_up', 'internal'] as const
export type RedriveFailure = (typeof redriveFailures)[number]

/** Which letters, in the words in which it was asked for; times as ISO 8601. */
export interface RequestedLetters {
  readonly outcome?: readonly (typeof deadOutcomes)[number][] | undefined
  readonly device?: string | undefined
  /** An MQTT topic filter. */
  readonly topic?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** What became of the letters: each is in exactly one of the first five counts. */
export interface StoredReport {
  readonly settled: number
  readonly failed: number
  readonly waiting: number
  readonly exhausted: number
  readonly taken: number
  readonly readings: Readonly<Partial<Record<Outcome, number>>>
}

export interface WantedRedrive {
  readonly filter: RequestedLetters
  readonly execute: boolean
  readonly force: boolean
  /** More than these, and nothing is done. */
  readonly expectedLetters: number | null
}

/** Times in epoch milliseconds. */
export interface RequestedRedrive extends WantedRedrive, Record<string, unknown> {
  readonly id: string
  readonly status: RedriveStatus
  readonly lettersTotal: number | null
  readonly lettersDone: number
  readonly report: StoredReport | null
  readonly reason: RedriveFailure | null
  readonly requestedBy: string
  readonly requestedAt: number
  readonly cancelRequestedAt: number | null
  readonly startedAt: number | null
  readonly endedAt: number | null
}

/** Those who may take it up are told by this. */
export const redrivesChannel = 'baywire_redrives'

/** Whoever asks for one waits for the others that do, so that a limit on how many are open is one. */
export async function countOpenRedrives(tx: TenantTransaction): Promise<number> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('baywire.redrives ' || ${tx.tenantId}, 0))`)
  const [row] = await tx.execute<{ open: number }>(sql`
    select count(*)::integer as open from redrives
    where tenant_id = ${tx.tenantId} and status in ('waiting', 'running')`)
  return row?.open ?? 0
}

export async function insertRedrive(
  tx: TenantTransaction,
  { id, requestedBy, filter, execute, force, expectedLetters }: WantedRedrive & { id: string; requestedBy: string },
): Promise<void> {
  await tx.execute(sql`
    insert into redrives (tenant_id, id, filter, execute, force, expected_letters, requested_by)
    values (${tx.tenantId}, ${id}, ${JSON.stringify(filter)}::jsonb, ${execute}, ${force}, ${expectedLetters}, ${requestedBy})`)
  await tx.execute(sql`select pg_notify(${redrivesChannel}, '')`)
}

/** Asks for its end: at once where nobody has begun it. One that has ended, or was told before, stays as it is. */
export async function requestCancel(tx: TenantTransaction, id: string): Promise<boolean> {
  const rows = await tx.execute(sql`
    update redrives set cancel_requested_at = now()
    where tenant_id = ${tx.tenantId} and id = ${id} and status in ('waiting', 'running') and cancel_requested_at is null
    returning id`)
  if (rows.length > 0) await tx.execute(sql`select pg_notify(${redrivesChannel}, '')`)
  return rows.length > 0
}

export async function selectRedrive(tx: TenantTransaction, id: string): Promise<RequestedRedrive | undefined> {
  const [row] = await select(tx, sql`and id = ${id}`)
  return row
}

/** The newest first. */
export async function selectRedrives(
  tx: TenantTransaction,
  { before, limit, status }: { before: string | undefined; limit: number; status: RedriveStatus | undefined },
): Promise<RequestedRedrive[]> {
  return await select(
    tx,
    sql`${before === undefined ? sql`` : sql`and id < ${before}::uuid`} ${status === undefined ? sql`` : sql`and status = ${status}`}
    order by id desc limit ${limit}`,
  )
}

async function select(tx: TenantTransaction, which: SQL): Promise<RequestedRedrive[]> {
  return await tx.execute<RequestedRedrive>(sql`
    select id, filter, execute, force, expected_letters as "expectedLetters", status, letters_total as "lettersTotal",
      letters_done as "lettersDone", report, reason, requested_by as "requestedBy",
      ${epoch(sql`requested_at`)} as "requestedAt", ${epoch(sql`cancel_requested_at`)} as "cancelRequestedAt",
      ${epoch(sql`started_at`)} as "startedAt", ${epoch(sql`ended_at`)} as "endedAt"
    from redrives where tenant_id = ${tx.tenantId} ${which}`)
}
