import type { Clock } from '../clock.ts'
import { outcomes, type Outcome } from '../store/books.ts'
import { errorCodeOf, isTransient } from '../store/connection-error.ts'
import type { DeadLetter } from '../store/dead-letters.ts'
import { findTenants, type DeviceDirectory } from '../store/device-directory.ts'
import { insertReadings } from '../store/readings.ts'
import {
  beginAttempts,
  endAttempts,
  isDead,
  lockAttempts,
  readRedriven,
  type NewAttempt,
} from '../store/redrive-attempts.ts'
import type { SystemDatabase, SystemTransaction } from '../store/transactions.ts'
import type { WriterMemory } from '../store/writer.ts'
import { judgeMessages, type Judged, type Rehearsal } from './commit.ts'
import type { Envelope } from './envelope.ts'

/**
 * Redrives dead letters through the code that live messages go through. An attempt is committed before it is made, and ends
 * in the transaction that logs its readings, steps their spaces and writes states, sessions and events: whatever is cut
 * off has done nothing. Readings that reach `step` are logged under an id of their own with the original's arrival; the
 * books, which count deliveries, do not change. Locks: attempts, then as everywhere.
 */
export interface RedriveContext {
  readonly database: SystemDatabase
  readonly memory: WriterMemory
  readonly directory: DeviceDirectory
  readonly clock: Clock
  /** Who redrives: stands with each attempt. */
  readonly by: string
}

/** What became, or would become, of one dead letter. */
export interface LetterVerdict {
  readonly letter: DeadLetter
  /** Of its readings, the one first in order of precedence. */
  readonly outcome: Outcome
  readonly reason: string | null
  /** Of each of its readings, but for those that an earlier attempt logged. */
  readonly readings: readonly Outcome[]
}

/** Whether a redrive does something: a letter of several readings may remain one though some of them had their effect. */
export function hasEffect({ outcome, readings }: LetterVerdict): boolean {
  return !isDead(outcome) || readings.some((reading) => !isDead(reading))
}

/**
 * What would become of each letter now. Judges as a redrive does and holds the same locks for as long, but writes nothing.
 *
 * @param rehearsal where one batch builds on what another would have done
 */
export async function rehearse(
  context: RedriveContext,
  envelopes: readonly Envelope[],
  rehearsal?: Rehearsal,
): Promise<LetterVerdict[]> {
  try {
    return await context.database.withSystem(async (tx) => {
      const { verdicts } = await judgeLetters(tx, { context, envelopes, rehearsal })
      return verdicts
    })
  } catch (error) {
    if (isTransient(error)) throw error
    if (envelopes.length === 1) return envelopes.flatMap((envelope) => refused(envelope, error))
    const verdicts: LetterVerdict[] = []
    // oxlint-disable-next-line no-await-in-loop -- in the order in which they arrived
    for (const envelope of envelopes) verdicts.push(...(await rehearse(context, [envelope], rehearsal)))
    return verdicts
  }
}

/** Begins an attempt of each letter, then makes it. Letters that somebody else holds or has settled are left out. */
export async function attempt(context: RedriveContext, envelopes: readonly Envelope[]): Promise<LetterVerdict[]> {
  const { database, by, clock } = context
  const attempts = envelopes.flatMap((envelope) =>
    envelope.letters.map(({ letter }) => ({
      tenantId: letter.tenantId,
      id: letter.id,
      part: letter.part,
      receivedAt: letter.receivedAt,
      attempt: letter.attempts + 1,
      redrivenId: envelope.message.id,
    })),
  )
  const begun = await database.withSystem((tx) => beginAttempts(tx, attempts, { by, at: clock.now() }))
  return await makeAttempts(context, { envelopes, attempts: begun })
}

interface Making {
  envelopes: readonly Envelope[]
  attempts: readonly NewAttempt[]
}

/** One transaction for all; where the database refuses it, one for each message, so that it refuses that one alone. */
async function makeAttempts(context: RedriveContext, making: Making): Promise<LetterVerdict[]> {
  const { envelopes } = making
  if (making.attempts.length === 0) return []
  try {
    return await makeTogether(context, making)
  } catch (error) {
    if (isTransient(error)) throw error
    if (envelopes.length === 1) return await endRefused(context, { ...making, error })
    const verdicts: LetterVerdict[] = []
    for (const envelope of envelopes) {
      const attempts = making.attempts.filter(({ redrivenId }) => redrivenId === envelope.message.id)
      // oxlint-disable-next-line no-await-in-loop -- in the order in which they arrived
      verdicts.push(...(await makeAttempts(context, { envelopes: [envelope], attempts })))
    }
    return verdicts
  }
}

async function makeTogether(context: RedriveContext, { envelopes, attempts }: Making): Promise<LetterVerdict[]> {
  const { database, clock } = context
  const { verdicts, writer } = await database.withSystem(async (tx) => {
    const held = await lockAttempts(tx, attempts)
    const judged = await judgeLetters(tx, { context, envelopes: only(envelopes, held) })
    const at = clock.now()
    await insertReadings(
      tx,
      judged.rows.filter(({ inputSeq }) => inputSeq !== null),
    )
    await judged.writer.writeStates(at)
    await endAttempts(tx, endings(held, judged.verdicts), { at })
    await judged.writer.writeEvents(at)
    return judged
  })
  writer.committed()
  return verdicts
}

/** Letters that the database refuses are what a live message is that it refuses: malformed, with the reason. */
function refused({ letters }: Envelope, error: unknown): LetterVerdict[] {
  const reason = `could not be stored: ${errorCodeOf(error) ?? 'internal error'}`
  const outcome = 'malformed'
  return letters.map(({ letter, parts }) => ({ letter, outcome, reason, readings: parts.map(() => outcome) }))
}

async function endRefused(
  { database, clock }: RedriveContext,
  { envelopes, attempts, error }: Making & { error: unknown },
): Promise<LetterVerdict[]> {
  return await database.withSystem(async (tx) => {
    const held = await lockAttempts(tx, attempts)
    const verdicts = only(envelopes, held).flatMap((envelope) => refused(envelope, error))
    await endAttempts(tx, endings(held, verdicts), { at: clock.now() })
    return verdicts
  })
}

interface JudgedLetters extends Judged {
  verdicts: LetterVerdict[]
}

async function judgeLetters(
  tx: SystemTransaction,
  {
    context,
    envelopes,
    rehearsal,
  }: { context: RedriveContext; envelopes: readonly Envelope[]; rehearsal?: Rehearsal | undefined },
): Promise<JudgedLetters> {
  const [tenants, redriven] = await Promise.all([
    findTenants(tx, [...new Set(envelopes.map(({ message }) => message.tenant))]),
    readRedriven(
      tx,
      envelopes.flatMap(({ letters }) => letters.map(({ letter }) => letter)),
    ),
  ])
  const messages = envelopes.map(({ message, letters }) => {
    const parts = letters.flatMap(({ letter, parts: places }) =>
      places.filter((part) => redriven.get(letter.id)?.has(part) !== true),
    )
    return { ...message, redrive: new Set(parts) }
  })
  const judged = await judgeMessages(tx, { context, tenants, messages, ...(rehearsal && { rehearsal }) })
  const rows = new Map(judged.rows.map((row) => [`${row.id} ${row.part}`, row]))
  const verdicts = envelopes.flatMap(({ message, letters }) =>
    letters.map(({ letter, parts }): LetterVerdict => {
      const logged = redriven.get(letter.id)
      const fresh = parts.filter((part) => logged?.has(part) !== true)
      const all = [
        ...fresh.map((part) => rows.get(`${message.id} ${part}`) ?? missing),
        ...parts.flatMap((part) => logged?.get(part) ?? []).map((outcome) => ({ outcome, reason: null })),
      ]
      const { outcome, reason } = firstInPrecedence(all)
      return { letter, outcome, reason, readings: all.slice(0, fresh.length).map((one) => one.outcome) }
    }),
  )
  return { ...judged, verdicts }
}

/** A decoder that finds fewer readings in a message than the one before it. */
const missing = { outcome: 'malformed', reason: 'the message has no such reading' } as const

interface Fate {
  readonly outcome: Outcome
  readonly reason: string | null
}

function firstInPrecedence(fates: readonly Fate[]): Fate {
  return fates.reduce(
    (a, b) => (outcomes.indexOf(b.outcome) < outcomes.indexOf(a.outcome) ? b : a),
    fates[0] ?? missing,
  )
}

/** The envelopes with those of their letters alone that an attempt is held of. */
function only(envelopes: readonly Envelope[], held: readonly NewAttempt[]): Envelope[] {
  const keys = new Set(held.map(({ id, part }) => `${id} ${part}`))
  return envelopes
    .map((envelope) => ({
      ...envelope,
      letters: envelope.letters.filter(({ letter }) => keys.has(`${letter.id} ${letter.part}`)),
    }))
    .filter(({ letters }) => letters.length > 0)
}

function endings(held: readonly NewAttempt[], verdicts: readonly LetterVerdict[]) {
  const fates = new Map(verdicts.map((verdict) => [`${verdict.letter.id} ${verdict.letter.part}`, verdict]))
  return held.flatMap((one) => {
    const fate = fates.get(`${one.id} ${one.part}`)
    return fate === undefined ? [] : [{ ...one, outcome: fate.outcome, reason: fate.reason }]
  })
}
