import type { Clock } from '../clock.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { topicPattern } from '../mqtt/topic-filter.ts'
import type { Outcome } from '../store/books.ts'
import { isTransient } from '../store/connection-error.ts'
import { countDeadLetters, type DeadLetterFilter } from '../store/dead-letters.ts'
import { DeviceDirectory } from '../store/device-directory.ts'
import { PolicyCache } from '../store/policies.ts'
import { whileAlone } from '../store/redrive-attempts.ts'
import type { RedriveFailure, RequestedLetters, StoredReport } from '../store/redrive-requests.ts'
import {
  endRedrive,
  noteLetters,
  noteProgress,
  putBackRedrive,
  settledBehind,
  type RedriveProgress,
  type TakenRedrive,
} from '../store/redrive-runs.ts'
import { SpaceMemory } from '../store/space-lock.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import type { HeldRedrive } from './held-redrive.ts'
import { emptyReport, redriveDeadLetters, type RedrivePosition, type RedriveReport } from './redrive-run.ts'

export interface RequestedRedriveOptions {
  /** Without a limit on statements: a page may need one pass over the log. */
  readonly database: SystemDatabase
  /** A client of its own, for the lock that is held meanwhile. */
  readonly locks: SystemDatabase
  readonly clock: Clock
  readonly log: Log
  /** A letter is attempted so often at most. */
  readonly mostAttempts: number
  readonly mostReadingsAtATime: number
  /** How long it waits when somebody else redrives the same tenant, or the database is away. */
  readonly pauseMs: number
}

/** A redrive whose processes are gone again and again is the cause of it. */
const mostTakeovers = 5
const noteEveryMs = 1000

/**
 * One redrive that was asked for, done by whoever holds it. It ends in one of four ways: with its report, as failed with a
 * reason, put back to go on in another process, or not at all where another one has taken it over. What it had settled before
 * it was cut off is known by its attempts, so that every letter is counted once.
 */
export class RequestedRedrive {
  readonly #options: RequestedRedriveOptions
  readonly #redrive: TakenRedrive
  readonly #held: HeldRedrive
  /** At the end of the last page. */
  #progress: RedriveProgress | undefined
  #notedAt = -Infinity

  constructor(options: RequestedRedriveOptions, redrive: TakenRedrive, held: HeldRedrive) {
    this.#options = options
    this.#redrive = redrive
    this.#held = held
  }

  /** @param stopping aborted when the process ends */
  async run(stopping: AbortSignal): Promise<void> {
    const { tenantId, execute, takeovers } = this.#redrive
    try {
      if (takeovers > mostTakeovers) return await this.#end('given_up')
      if (this.#held.ending === 'cancelled') return await this.#end('cancelled')
      const work = () => this.#work(stopping)
      const done = execute ? await whileAlone(this.#options.locks, tenantId, work) : { result: await work() }
      if (done === undefined) await this.#putBack()
    } catch (error) {
      await this.#endBy(error)
    }
  }

  async #work(stopping: AbortSignal): Promise<void> {
    const { database, clock, mostAttempts, mostReadingsAtATime } = this.#options
    const { tenantId, id, requestedBy, execute, force } = this.#redrive
    const by = `${requestedBy} redrive ${id}`
    const begun = await this.#begin(by)
    if (begun === 'more_letters') return await this.#end('more_letters')
    const { filter, resume } = begun
    const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
    const signal = AbortSignal.any([stopping, this.#held.signal])
    const report = await redriveDeadLetters(
      { database, memory, directory: new DeviceDirectory(), clock, by },
      {
        filter: { ...filter, tenantId },
        execute,
        force,
        mostAttempts,
        mostReadingsAtATime,
        resume,
        signal,
        onProgress: (position) => this.#pageDone(position, filter.until),
      },
    )
    if (this.#held.ending === 'cancelled') await this.#end('cancelled', report)
    else if (!signal.aborted) await this.#end(null, report)
    else if (this.#held.ending === undefined) await this.#putBack()
  }

  /** What is redriven, and from where on. A rehearsal remembers what it would have done, and so begins anew. */
  async #begin(by: string) {
    const { database, clock } = this.#options
    const { tenantId, execute, expectedLetters, progress } = this.#redrive
    const wanted = filterOf(this.#redrive.filter)
    const until = (execute ? progress?.until : undefined) ?? Math.min(wanted.until ?? Infinity, clock.now() + 1)
    const filter = { ...wanted, tenantId, until }
    if (execute && progress !== null) {
      const { after, lettersDone } = progress
      const settled = await database.withSystem((tx) => settledBehind(tx, { tenantId, by, after }))
      const report = restored(progress.report)
      for (const { outcome, count } of settled) {
        report.settled += count
        report.readings.set(outcome, (report.readings.get(outcome) ?? 0) + count)
      }
      const letters = lettersDone + settled.reduce((sum, { count }) => sum + count, 0)
      return { filter, resume: { letters, after: after ?? undefined, report } }
    }
    const [counted] = await database.withSystem((tx) => countDeadLetters(tx, filter))
    const total = counted?.count ?? 0
    await database.withSystem((tx) => noteLetters(tx, this.#redrive, total))
    if (expectedLetters !== null && total > expectedLetters) return 'more_letters'
    await this.#note({ until, after: null, lettersDone: 0, report: stored(emptyReport()) })
    return { filter, resume: undefined }
  }

  async #pageDone({ letters, after, report }: RedrivePosition, until: number): Promise<void> {
    const key = after === undefined ? null : { receivedAt: after.receivedAt, id: after.id, part: after.part }
    this.#progress = { until, after: key, lettersDone: letters, report: stored(report) }
    if (performance.now() - this.#notedAt >= noteEveryMs) await this.#note(this.#progress)
  }

  async #note(progress: RedriveProgress): Promise<void> {
    const isOurs = await this.#options.database.withSystem((tx) => noteProgress(tx, this.#redrive, progress))
    this.#notedAt = performance.now()
    if (!isOurs) this.#held.end('lost')
  }

  async #end(reason: RedriveFailure | null, report?: RedriveReport): Promise<void> {
    const { database, log } = this.#options
    const lettersDone = this.#progress?.lettersDone ?? null
    const end = { reason, lettersDone, report: report === undefined ? null : stored(report) }
    await database.withSystem((tx) => endRedrive(tx, this.#redrive, end))
    log.info({ redrive: this.#redrive.id, letters: lettersDone, reason }, 'redrive ended')
  }

  async #putBack(): Promise<void> {
    const { database, pauseMs } = this.#options
    await database.withSystem(async (tx) => {
      if (this.#progress !== undefined) await noteProgress(tx, this.#redrive, this.#progress)
      await putBackRedrive(tx, { ...this.#redrive, pauseMs })
    })
  }

  /** Where the database is away the lease runs out, and somebody goes on. */
  async #endBy(error: unknown): Promise<void> {
    const { log } = this.#options
    const redrive = this.#redrive.id
    try {
      if (isTransient(error)) {
        log.warn({ redrive, reason: describeError(error) }, 'redrive was cut off, and goes on in a moment')
        await this.#putBack()
      } else {
        log.error({ redrive, reason: describeError(error) }, 'redrive failed')
        await this.#end('internal')
      }
    } catch (failure) {
      log.warn({ redrive, reason: describeError(failure) }, 'redrive is left to whoever comes next')
    }
  }
}

function filterOf({ outcome: outcomes, device, topic, from, to }: RequestedLetters): DeadLetterFilter {
  const pattern = topic === undefined ? undefined : topicPattern(topic)
  if (topic !== undefined && pattern === undefined) throw new Error('the topic filter is none')
  return { outcomes, device, topic: pattern, since: timeOf(from), until: timeOf(to) }
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}

function stored({ readings, ...counts }: RedriveReport): StoredReport {
  return { ...counts, readings: Object.fromEntries(readings) }
}

function restored({ readings, ...counts }: StoredReport): RedriveReport {
  return { ...counts, readings: new Map(Object.entries(readings) as [Outcome, number][]) }
}
