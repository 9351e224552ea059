import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { isAnswer, isCanceled, isConnectionLost, isDataError, isTransient } from '../store/connection-error.ts'
import { ensurePartitions } from '../store/readings.ts'
import { commitBatch, type Committed, type CommitContext, type Prepared } from './commit.ts'
import type { Message, Received } from './message.ts'

/** What became of a batch: each of its messages is in exactly one of the three lists. */
export interface Settled {
  counts: Committed['counts']
  committed: readonly Received[]
  unknownTenant: readonly Received[]
  givenUp: readonly Received[]
}

export interface SettleContext extends CommitContext {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly signal: AbortSignal
  /** Told when the database cannot be used, and with undefined when it can again. */
  readonly onTrouble: (error: unknown) => void
}

/** So often a message has to be refused, for what is no fault of its data as far as the error says, until that is believed. */
const refusalsBelieved = 3

/**
 * Commits a batch whatever comes: while the database is away it tries again, with pauses that grow up to
 * `BAYWIRE_RETRY_MAX_MS`; a batch that the database refuses is halved until the one message that it refuses is
 * alone, and that one is logged as malformed. One bad message never holds up another's good one.
 */
export async function settle(batch: readonly Received[], context: SettleContext): Promise<Settled> {
  const { config, log, metrics, signal } = context
  const pauses = backOff(config, signal)
  let inDoubt: Prepared | undefined
  let refusals = 0
  while (!signal.aborted) {
    const attempt = await (inDoubt === undefined
      ? tryCommit(batch, context)
      : askWhatBecame(inDoubt, { batch, context }))
    if (attempt.kind === 'settled') {
      context.onTrouble(undefined)
      return attempt.settled
    }
    if (attempt.kind === 'refused') {
      refusals += 1
      const believed = batch.length > 1 || isDataError(attempt.error) || refusals === refusalsBelieved
      if (believed) return await settleRefused(batch, { context, error: attempt.error })
    } else {
      inDoubt = attempt.inDoubt
      context.onTrouble(attempt.error)
    }
    metrics.commitRetries.inc({ reason: errorCode(attempt.error) })
    log.warn({ reason: describeError(attempt.error) }, 'batch not committed, trying again')
    await pauses()
  }
  return { counts: [], committed: [], unknownTenant: [], givenUp: batch }
}

type Attempt =
  | { kind: 'settled'; settled: Settled }
  | { kind: 'away'; error: unknown; inDoubt: Prepared | undefined }
  | { kind: 'refused'; error: unknown }

async function tryCommit(batch: readonly Received[], context: SettleContext): Promise<Attempt> {
  let prepared: Prepared | undefined
  try {
    const committed = await commitBatch({ ...context, onPrepared: (it) => (prepared = it) }, batch)
    return { kind: 'settled', settled: asSettled(batch, committed) }
  } catch (error) {
    if (isMissingPartition(error)) return await makePartitions(error, context)
    // One message that took too long is no bad message: the server is slow, or a lock is held. Nor is one for which there was
    // no connection, whatever the reason: a name that is not found, a password that was changed, a certificate that ran out.
    // And where a COMMIT was under way, only the server can tell what became of it.
    const blameless =
      isTransient(error) ||
      isConnectionLost(error) ||
      (batch.length === 1 && isCanceled(error)) ||
      (prepared !== undefined && !isAnswer(error))
    return blameless ? { kind: 'away', error, inDoubt: prepared } : { kind: 'refused', error }
  }
}

/**
 * The connection was lost while COMMIT was under way. Trying the batch again unasked would log each of its deliveries
 * twice. Once its transaction does not run any more, its rows are in the log or they are not; the id of the transaction
 * alone cannot tell, because a server that crashed gives ids again that never reached its disk.
 */
async function askWhatBecame(
  prepared: Prepared,
  { batch, context }: { batch: readonly Received[]; context: SettleContext },
): Promise<Attempt> {
  const error = new Error('the connection was lost during COMMIT')
  try {
    if (await isRunning(prepared.transactionId, context)) return { kind: 'away', error, inDoubt: prepared }
    const first = batch.find(
      (received) => received.kind === 'readings' && !prepared.committed.unknownTenant.includes(received),
    )
    const logged = first?.kind === 'readings' && (await isLogged(first, context))
    if (logged) return { kind: 'settled', settled: asSettled(batch, prepared.committed) }
    return { kind: 'away', error, inDoubt: undefined }
  } catch (failure) {
    return { kind: 'away', error: failure, inDoubt: prepared }
  }
}

/** Postgres says 22023 of an id that it has not given yet. */
async function isRunning(transactionId: string, { database }: SettleContext): Promise<boolean> {
  try {
    const [row] = await database.withSystem(
      (tx) => tx<{ status: string | null }[]>`SELECT pg_xact_status(${transactionId}::xid8) AS status`,
    )
    return row?.status === 'in progress'
  } catch (error) {
    if (errorCode(error) === '22023') return false
    throw error
  }
}

async function isLogged({ id, delivery }: Message, { database }: SettleContext): Promise<boolean> {
  const rows = await database.withSystem(
    (tx) => tx`SELECT FROM readings WHERE received_at = ${new Date(delivery.receivedAtMs)} AND id = ${id} LIMIT 1`,
  )
  return rows.length > 0
}

/** The log has no partition for the day of arrival: a long-running process without a jobs role, or a clock that jumped. */
async function makePartitions(error: unknown, { database, clock }: SettleContext): Promise<Attempt> {
  try {
    await database.withSystem((tx) => ensurePartitions(tx, clock.now()))
    return { kind: 'away', error, inDoubt: undefined }
  } catch (failure) {
    return { kind: 'away', error: failure, inDoubt: undefined }
  }
}

/**
 * The database refuses the batch. Halved until the message that it refuses is alone, and that one is logged as
 * malformed with its bytes; where not even this can be stored it is given up.
 */
async function settleRefused(
  batch: readonly Received[],
  { context, error }: { context: SettleContext; error: unknown },
): Promise<Settled> {
  const [first] = batch
  if (batch.length > 1) {
    const middle = Math.ceil(batch.length / 2)
    return joined(await settle(batch.slice(0, middle), context), await settle(batch.slice(middle), context))
  }
  context.log.error({ err: error, topic: first?.delivery.topic }, 'message refused by the database')
  if (first?.kind !== 'readings' || isStripped(first)) {
    return { counts: [], committed: [], unknownTenant: [], givenUp: batch }
  }
  const reason = `could not be stored: ${isDataError(error) ? errorCode(error) : 'internal error'}`
  const stripped: Message = { ...first, parts: first.parts.map(() => ({ ok: false, device: null, reason })) }
  return await settle([stripped], context)
}

function isStripped(message: Message): boolean {
  return message.parts.every((part) => !part.ok && part.device === null)
}

function asSettled(batch: readonly Received[], { counts, unknownTenant }: Committed): Settled {
  const refused = new Set(unknownTenant)
  return { counts, committed: batch.filter((received) => !refused.has(received)), unknownTenant, givenUp: [] }
}

function joined(a: Settled, b: Settled): Settled {
  return {
    counts: [...a.counts, ...b.counts],
    committed: [...a.committed, ...b.committed],
    unknownTenant: [...a.unknownTenant, ...b.unknownTenant],
    givenUp: [...a.givenUp, ...b.givenUp],
  }
}

/** Pauses that double from `BAYWIRE_RETRY_MIN_MS` up to `BAYWIRE_RETRY_MAX_MS`; cut short by a stop. */
function backOff(config: Config, signal: AbortSignal): () => Promise<void> {
  let delayMs = config.BAYWIRE_RETRY_MIN_MS
  return async () => {
    await pause(delayMs, undefined, { signal }).catch(() => {})
    delayMs = Math.min(delayMs * 2, config.BAYWIRE_RETRY_MAX_MS)
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}

/** Postgres says 23514 for it, as for a check that a row fails. */
function isMissingPartition(error: unknown): boolean {
  return errorCode(error) === '23514' && describeError(error).startsWith('no partition of relation')
}
