import type { Outcome } from '../store/books.ts'
import { readDeadLetters, type DeadLetter, type DeadLetterFilter, type DeadLetterKey } from '../store/dead-letters.ts'
import { isDead } from '../store/redrive-attempts.ts'
import type { Rehearsal } from './commit.ts'
import { takeUp, type Envelope } from './envelope.ts'
import { attempt, hasEffect, rehearse, type LetterVerdict, type RedriveContext } from './redrive.ts'

export interface RedriveOptions {
  readonly filter: DeadLetterFilter & { readonly tenantId: string }
  /** Otherwise it is only found out what would happen. */
  readonly execute: boolean
  /** Also what would have no effect: so that the attempt and its reason are on record. */
  readonly force: boolean
  /** A letter is attempted so often at most. */
  readonly mostAttempts: number
  readonly mostReadingsAtATime: number
  /** Called behind each page. */
  readonly onProgress: (position: RedrivePosition) => void | Promise<void>
  /** Where one that was cut off goes on. */
  readonly resume?: RedrivePosition | undefined
  /** Aborted, it ends in front of the next batch, with what became of the letters so far. */
  readonly signal?: AbortSignal | undefined
}

/** How far a redrive has come. */
export interface RedrivePosition {
  /** Letters that were looked at. */
  readonly letters: number
  /** The last of them. */
  readonly after: DeadLetterKey | undefined
  /** What became of them: grows on. */
  readonly report: RedriveReport
}

/** Every letter is in exactly one of the first five counts. */
export interface RedriveReport {
  /** Dead no more: had an effect, or turned out to have had one. A dry run counts what would be. */
  settled: number
  /** Attempted, and dead still. */
  failed: number
  /** Not attempted, because it would have no effect. */
  waiting: number
  /** Not attempted, because it was attempted as often as it may be. */
  exhausted: number
  /** Somebody else took it in the meantime. */
  taken: number
  /** What became, or would become, of the readings in them, by outcome. */
  readonly readings: Map<Outcome, number>
}

const lettersAtATime = 500

/**
 * Redrives a tenant's dead letters, in the order in which they arrived and therefore in each device's own. A letter is
 * attempted only where a rehearsal says that it would have an effect now, and only so often: nothing goes round in
 * circles. Letters that arrive after the start wait for the next run.
 */
export async function redriveDeadLetters(context: RedriveContext, options: RedriveOptions): Promise<RedriveReport> {
  const { resume } = options
  const isOver = () => options.signal?.aborted === true
  const report = resume?.report ?? emptyReport()
  const rehearsal: Rehearsal | undefined = options.execute ? undefined : { states: new Map(), seen: new Set() }
  const until = options.filter.until ?? context.clock.now() + 1
  let after = resume?.after
  for (let done = resume?.letters ?? 0; !isOver();) {
    // oxlint-disable-next-line no-await-in-loop -- one page after the other, in the order of arrival
    const { letters, wanted, envelopes } = await nextPage(context, {
      filter: { ...options.filter, until },
      after,
      options,
    })
    report.exhausted += letters.length - wanted.length
    for (const batch of batchesOf(envelopes, options.mostReadingsAtATime)) {
      if (isOver()) return report
      // oxlint-disable-next-line no-await-in-loop
      await redriveBatch(context, { batch, rehearsal, options, report })
    }
    after = letters.at(-1) ?? after
    // oxlint-disable-next-line no-await-in-loop
    await options.onProgress({ letters: (done += letters.length), after, report })
    if (letters.length < lettersAtATime) break
  }
  return report
}

export function emptyReport(): RedriveReport {
  return { settled: 0, failed: 0, waiting: 0, exhausted: 0, taken: 0, readings: new Map() }
}

async function nextPage(
  { database }: RedriveContext,
  { filter, after, options }: { filter: DeadLetterFilter; after: DeadLetterKey | undefined; options: RedriveOptions },
): Promise<{ letters: DeadLetter[]; wanted: DeadLetter[]; envelopes: Envelope[] }> {
  return await database.withSystem(async (tx) => {
    const letters = await readDeadLetters(tx, { filter, order: 'oldest first', after, limit: lettersAtATime })
    const wanted = letters.filter(({ attempts }) => attempts < options.mostAttempts)
    return { letters, wanted, envelopes: await takeUp(tx, wanted) }
  })
}

async function redriveBatch(
  context: RedriveContext,
  {
    batch,
    rehearsal,
    options,
    report,
  }: { batch: Envelope[]; rehearsal: Rehearsal | undefined; options: RedriveOptions; report: RedriveReport },
): Promise<void> {
  const foreseen = await rehearse(context, batch, rehearsal)
  if (rehearsal !== undefined) {
    for (const verdict of foreseen) tally(report, verdict, isDead(verdict.outcome) ? 'waiting' : 'settled')
    return
  }
  const worthwhile = new Set(
    foreseen.filter((verdict) => options.force || hasEffect(verdict)).map(({ letter }) => letter),
  )
  for (const verdict of foreseen) if (!worthwhile.has(verdict.letter)) tally(report, verdict, 'waiting')
  const chosen = batch
    .map((envelope) => ({ ...envelope, letters: envelope.letters.filter(({ letter }) => worthwhile.has(letter)) }))
    .filter(({ letters }) => letters.length > 0)
  const made = await attempt(context, chosen)
  for (const verdict of made) tally(report, verdict, isDead(verdict.outcome) ? 'failed' : 'settled')
  report.taken += worthwhile.size - made.length
}

function tally(report: RedriveReport, { readings }: LetterVerdict, as: 'settled' | 'failed' | 'waiting'): void {
  report[as] += 1
  for (const outcome of readings) report.readings.set(outcome, (report.readings.get(outcome) ?? 0) + 1)
}

/** Consecutive envelopes, of at most so many readings where one alone has not more. */
function batchesOf(envelopes: readonly Envelope[], mostReadings: number): Envelope[][] {
  const batches: Envelope[][] = []
  let room = 0
  for (const envelope of envelopes) {
    const readings = envelope.letters.reduce((sum, { parts }) => sum + parts.length, 0)
    if (batches.length === 0 || readings > room) {
      batches.push([])
      room = mostReadings
    }
    batches.at(-1)?.push(envelope)
    room -= readings
  }
  return batches
}
