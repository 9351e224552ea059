import type { Clock } from '../occupancy/evidence.ts'
import { plain, texts } from './arrays.ts'
import type { Outcome } from './books.ts'
import { readFirstParts } from './kept-inputs.ts'
import { loggedDays } from './retention.ts'
import type { SnapshotTransaction } from './transactions.ts'

/**
 * The raw log read back in the order of arrival, some thousand rows at a time, however much there is of it: day by day,
 * because a day is a partition, so that no sort is over more than one.
 */

/** Which readings. Times in epoch milliseconds, [since, until), of arrival. What is undefined does not narrow. */
export interface ReadingSelection {
  readonly tenantId?: string | undefined
  /** Readings that reached one of these spaces. */
  readonly spaceIds?: readonly string[] | undefined
  readonly device?: string | undefined
  /** A regular expression that the topic must match: see `topicPattern`. */
  readonly topic?: string | undefined
  readonly outcomes?: readonly Outcome[] | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** What folding a reading again takes. Times in epoch milliseconds. */
export interface LoggedInput {
  readonly id: string
  readonly part: number
  readonly receivedAt: number
  /** Null where nothing but the reading itself says how far it is trusted. */
  readonly clock: Clock | null
  readonly topic: string
  /** Of the whole message, whichever part this is. */
  readonly payload: Buffer
  readonly outcome: Outcome
  readonly spaceId: string | null
  readonly inputSeq: number | null
  readonly policyVersion: number | null
  /** Whether the selection has it, or it was asked for with the inputs of a space. */
  readonly chosen: boolean
}

/** A reading as it was logged. */
export interface LoggedReading extends LoggedInput {
  readonly tenantId: string
  readonly observedAt: number | null
  readonly device: string | null
  readonly delivery: string | null
  /** The message of which this is a redrive; null for all else. */
  readonly redriveOf: string | null
  readonly reason: string | null
}

export interface SelectedSpace {
  readonly tenantId: string
  /** Null: readings that reached no space. */
  readonly spaceId: string | null
  readonly outcome: Outcome
  readonly count: number
  readonly first: number
  readonly last: number
}

/** How many readings a selection has, by space and outcome. */
export async function countSelected(tx: SnapshotTransaction, selection: ReadingSelection): Promise<SelectedSpace[]> {
  const rows = await tx<(Omit<SelectedSpace, 'first' | 'last'> & { first: Date; last: Date })[]>`
    SELECT r.tenant_id AS "tenantId", r.space_id AS "spaceId", r.outcome, count(*) AS count,
      min(r.received_at) AS first, max(r.received_at) AS last
    FROM readings r WHERE ${isChosen(tx, selection)} GROUP BY 1, 2, 3`
  return rows.map((row) => ({ ...row, first: row.first.getTime(), last: row.last.getTime() }))
}

/** The spaces of a site, or those of a code; of all tenants where none is given. */
export async function findSpaceIds(
  tx: SnapshotTransaction,
  {
    tenantId = null,
    site = null,
    space = null,
  }: { tenantId?: string | null | undefined; site?: string | null | undefined; space?: string | null | undefined },
): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    SELECT p.id FROM spaces p JOIN sites i ON i.tenant_id = p.tenant_id AND i.id = p.site_id
    WHERE (${tenantId}::uuid IS NULL OR p.tenant_id = ${tenantId}::uuid)
      AND (${site}::text IS NULL OR i.code = ${site}) AND (${space}::text IS NULL OR p.code = ${space})
    ORDER BY p.id`
  return rows.map(({ id }) => id)
}

/** Whether the tenant has such a place. */
export async function findPlace(
  tx: SnapshotTransaction,
  { kind, id }: { kind: 'sites' | 'spaces'; id: string },
): Promise<boolean> {
  const rows = await tx`SELECT FROM ${tx(kind)} WHERE id = ${id}`
  return rows.length > 0
}

/** A space, or those of a site: by ids. */
export async function spaceIdsAt(
  tx: SnapshotTransaction,
  { spaceId = null, siteId = null }: { spaceId?: string | null | undefined; siteId?: string | null | undefined },
): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    SELECT p.id FROM spaces p
    WHERE (${spaceId}::uuid IS NULL OR p.id = ${spaceId}::uuid) AND (${siteId}::uuid IS NULL OR p.site_id = ${siteId}::uuid)
    ORDER BY p.id`
  return rows.map(({ id }) => id)
}

export interface ReadOptions {
  readonly selection: ReadingSelection
  /** Also all readings that reached these spaces before `selection.until`: what folding them takes. `all`: of the tenant. */
  readonly inputsOf?: readonly string[] | 'all'
  /** Arrival of the first and the last reading of the selection. */
  readonly between: { readonly first: number; readonly last: number }
}

interface Row extends Omit<LoggedInput, 'payload'> {
  payload: Buffer | null
  delivery: string | null
  redriveOf: string | null
}

/** So few that they are dead before the garbage of the next ones is collected. */
const rowsAtATime = 1000
const dayMs = 86_400_000

/** To be used in a snapshot: it takes as long as whoever reads. */
export function readLogged(tx: SnapshotTransaction, options: ReadOptions): AsyncGenerator<LoggedReading[]> {
  return readRows<LoggedReading>(tx, { ...options, columns: everything(tx), cursor: 'logged_readings' })
}

/** The same for whoever folds it again: columns that nobody looks at are half of what reading costs. */
export function readLoggedInputs(tx: SnapshotTransaction, options: ReadOptions): AsyncGenerator<LoggedInput[]> {
  return readRows<LoggedInput>(tx, { ...options, columns: inputsAlone(tx), cursor: 'logged_inputs' })
}

type Fragment = ReturnType<typeof everything>
interface ReadRows extends ReadOptions {
  readonly columns: Fragment
  /** One name for each kind of columns: a connection remembers which ones a FETCH of that name has. */
  readonly cursor: 'logged_readings' | 'logged_inputs'
}

function everything(tx: SnapshotTransaction) {
  return tx`r.tenant_id AS "tenantId", ${epochOf(tx, 'observed_at')} AS "observedAt", r.device, r.clock, r.delivery, r.reason,
    NULL AS "redriveOf"`
}

function inputsAlone(tx: SnapshotTransaction) {
  return tx`CASE WHEN r.clock = 'backwards_elsewhere' THEN r.clock END AS clock,
    CASE WHEN r.delivery = 'redrive' THEN r.delivery END AS delivery`
}

async function* readRows<Read extends LoggedInput>(tx: SnapshotTransaction, options: ReadRows): AsyncGenerator<Read[]> {
  const { inputsOf, between } = options
  const carried: Carried = { id: '', payload: Buffer.alloc(0) }
  for (const day of await loggedDays(tx)) {
    const start = Date.parse(day)
    const isWanted = start <= between.last && (inputsOf !== undefined || start + dayMs > between.first)
    if (!isWanted) continue
    for await (const rows of readDay(tx, { ...options, start })) {
      const wanted = inputsOf === undefined ? rows.map(({ chosen }) => chosen) : rows.map(isInput)
      yield (await withPayloads(tx, { rows, wanted, carried })) as Read[]
    }
  }
}

async function* readDay(tx: SnapshotTransaction, options: ReadRows & { start: number }): AsyncGenerator<Row[]> {
  await tx`DECLARE ${tx(options.cursor)} NO SCROLL CURSOR FOR ${loggedOf(tx, options)}`
  let rows: Row[]
  do {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    rows = await tx<Row[]>`FETCH ${tx.unsafe(String(rowsAtATime))} FROM ${tx(options.cursor)}`
    if (rows.length > 0) yield rows
  } while (rows.length === rowsAtATime)
  await tx`CLOSE ${tx(options.cursor)}`
}

function loggedOf(tx: SnapshotTransaction, { selection, inputsOf, start, columns }: ReadRows & { start: number }) {
  const { tenantId = null, until } = selection
  const chosen = isChosen(tx, selection)
  const inputs =
    inputsOf === undefined
      ? tx`FALSE`
      : inputsOf === 'all'
        ? tx`r.input_seq IS NOT NULL`
        : tx`r.input_seq IS NOT NULL AND r.space_id = ANY (${plain(inputsOf)}::uuid[])`
  const before = until === undefined ? null : new Date(until)
  // A message's payload stands on its first part, which another space, device or outcome may have.
  return tx`
    SELECT r.id, r.part, ${epochOf(tx, 'received_at')} AS "receivedAt", r.topic, r.payload, r.outcome,
      r.space_id AS "spaceId", r.input_seq AS "inputSeq", r.policy_version AS "policyVersion", (${chosen}) AS chosen,
      ${columns}
    FROM readings r
    WHERE r.received_at >= ${new Date(start)} AND r.received_at < ${new Date(start + dayMs)}
      AND (${tenantId}::uuid IS NULL OR r.tenant_id = ${tenantId}::uuid)
      AND (${before}::timestamptz IS NULL OR r.received_at < ${before}::timestamptz)
      AND ((${chosen}) OR (${inputs}) OR (r.part = 0 AND r.topic LIKE ${gatewayTopics}))
    ORDER BY r.received_at, r.id, r.part`
}

/** Of messages that may have more than one part. */
const gatewayTopics = 'parking/v1/%/gateways/%/readings'

function epochOf(tx: SnapshotTransaction, column: 'received_at' | 'observed_at') {
  return tx`(extract(epoch FROM r.${tx(column)}) * 1000)::bigint`
}

/** The condition for rows of `readings r`. */
export function isChosen(tx: SnapshotTransaction, selection: ReadingSelection) {
  const { tenantId, spaceIds, device, topic, outcomes, since, until } = selection
  const conditions = [
    tenantId !== undefined && tx`r.tenant_id = ${tenantId}`,
    spaceIds !== undefined && tx`r.space_id = ANY (${plain(spaceIds)}::uuid[])`,
    device !== undefined && tx`r.device = ${device}`,
    topic !== undefined && tx`r.topic ~ ${topic}`,
    outcomes !== undefined && tx`r.outcome = ANY (${texts(outcomes)}::text[])`,
    since !== undefined && tx`r.received_at >= ${new Date(since)}`,
    until !== undefined && tx`r.received_at < ${new Date(until)}`,
  ].filter((condition) => condition !== false)
  return conditions.reduce((all, condition) => tx`${all} AND ${condition}`, tx`TRUE`)
}

/** The last message whose payload came by: its other parts follow it. */
interface Carried {
  id: string
  payload: Buffer
}

function isInput({ chosen, inputSeq }: Row): boolean {
  return chosen || inputSeq !== null
}

/** Rows that came only because of their payload are dropped. */
async function withPayloads(
  tx: SnapshotTransaction,
  { rows, wanted, carried }: { rows: readonly Row[]; wanted: readonly boolean[]; carried: Carried },
): Promise<LoggedInput[]> {
  const redriven = rows.filter((row, index) => row.delivery === 'redrive' && wanted[index] === true)
  const { payloads, originals } = await readFirstParts(
    tx,
    redriven.map((row) => ({ ...row, received_at: new Date(row.receivedAt) })),
  )
  const readings: LoggedInput[] = []
  for (const [index, row] of rows.entries()) {
    if (row.payload !== null) {
      carried.id = row.id
      carried.payload = row.payload
    }
    if (wanted[index] !== true) continue
    row.payload ??= (carried.id === row.id ? carried.payload : payloads.get(row.id)) ?? nothing
    if (originals.size > 0) row.redriveOf = originals.get(row.id) ?? null
    readings.push(row as LoggedInput)
  }
  return readings
}

const nothing = Buffer.alloc(0)
