import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import {
  claimSlot,
  finishRun,
  leaseMs,
  readJobStates,
  registerJobs,
  renewLease,
  runResults,
  type Claim,
  type JobState,
  type RunResult,
} from '../store/job-runs.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import type { Job, JobOutcome } from './job.ts'

/** With the lease it makes up how long a job is without a process when one dies: 11 s. */
const claimEveryMs = 2000
const renewEveryMs = leaseMs / 3

export interface SlotsOptions {
  /** For claims and leases. */
  readonly database: SystemDatabase
  /** For the work: leases are renewed however long it takes. */
  readonly patientDatabase: SystemDatabase
  readonly metrics: Metrics
  readonly log: Log
  /** Who runs, for people. */
  readonly processName: string
}

/**
 * Runs jobs in their slots, beside any number of processes that do the same: each slot is run by one of them. The slot
 * of this moment is all that is ever run: what was missed while nobody was there is not made up for. After a
 * clock was set back, a job rests until its slots are new again. What somebody asks for is run besides, by one of them.
 */
export class Slots {
  readonly #options: SlotsOptions
  readonly #jobs: readonly Job[]
  /** By job; aborting one tells its work to end. */
  readonly #running = new Map<string, { readonly done: Promise<void>; readonly abort: AbortController }>()
  #stopping = false
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> | undefined
  #states: readonly JobState[] = []
  #registered = false
  /** Why slots cannot be claimed; undefined while they can. */
  trouble: string | undefined

  constructor(options: SlotsOptions, jobs: readonly Job[]) {
    this.#options = options
    this.#jobs = jobs
  }

  start(): void {
    const turn = () => {
      this.#turn ??= this.#takeTurn().finally(() => {
        this.#turn = undefined
      })
    }
    this.#timer = setInterval(turn, claimEveryMs)
    turn()
  }

  /** Runs under way are told to end, and waited for. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping = true
    // What is being claimed at this moment runs, and is told too.
    await this.#turn
    for (const { abort } of this.#running.values()) abort.abort()
    await Promise.all(Array.from(this.#running.values(), ({ done }) => done))
  }

  /** The jobs whose last run failed, whoever ran it. */
  get failed(): readonly string[] {
    return this.#states.filter(({ last }) => last.result === 'failed').map(({ job }) => job)
  }

  async #takeTurn(): Promise<void> {
    try {
      await this.#register()
      await this.#readStates()
      for (const job of this.#jobs) {
        if (this.#running.has(job.job) || this.#stopping) continue
        // oxlint-disable-next-line no-await-in-loop
        const claim = await this.#claim(job)
        if (claim !== undefined) this.#run(job, claim)
      }
      this.trouble = undefined
    } catch (error) {
      this.trouble = errorCodeOf(error) ?? 'failed'
      this.#options.log.warn({ reason: describeError(error) }, 'jobs cannot be claimed, next try in a moment')
    }
  }

  async #register(): Promise<void> {
    if (this.#registered) return
    await this.#options.database.withSystem((tx) => registerJobs(tx, this.#jobs))
    this.#registered = true
  }

  /** What is known of all processes' runs is what each of them shows, also just after it was started. */
  async #readStates(): Promise<void> {
    const { database, metrics } = this.#options
    const names = this.#jobs.map(({ job }) => job)
    this.#states = await database.withSystem((tx) => readJobStates(tx, names))
    for (const { job, last, lastGood, lastWord } of this.#states) {
      metrics.jobLastRun.set({ job }, last.finishedAt / 1000)
      metrics.jobLastDuration.set({ job }, (last.finishedAt - last.startedAt) / 1000)
      metrics.jobNextRun.set({ job }, last.nextAt / 1000)
      for (const result of runResults) metrics.jobLastResult.set({ job, result }, last.result === result ? 1 : 0)
      if (lastGood !== null) metrics.jobLastSuccess.set({ job }, lastGood.finishedAt / 1000)
      const imbalance = lastWord?.detail['imbalance']
      if (typeof imbalance === 'number') metrics.ledgerImbalance.set(imbalance)
    }
  }

  async #claim(job: Job): Promise<Claim | undefined> {
    const { database, processName } = this.#options
    try {
      return await database.withSystem((tx) => claimSlot(tx, job, processName))
    } catch (error) {
      // Two at once: the other one has it.
      if (errorCodeOf(error) === '23505') return undefined
      throw error
    }
  }

  #run(job: Job, { runId }: Claim): void {
    const abort = new AbortController()
    const done = this.#runClaimed(job, { runId, abort }).finally(() => this.#running.delete(job.job))
    this.#running.set(job.job, { done, abort })
  }

  async #runClaimed(job: Job, { runId, abort }: { runId: string; abort: AbortController }): Promise<void> {
    const { database, log, metrics } = this.#options
    const renewal = setInterval(() => void this.#renew(runId, abort), renewEveryMs)
    const stopTimer = metrics.jobSeconds.startTimer({ job: job.job })
    try {
      const state = this.#states.find((known) => known.job === job.job)
      const { result, detail } = await this.#attempt(job, { state, signal: abort.signal })
      metrics.jobRuns.inc({ job: job.job, result })
      await database.withSystem((tx) => finishRun(tx, runId, { result, detail }))
      await this.#readStates()
    } catch (error) {
      // The database is away: the lease runs out, and the slot is run again.
      log.warn({ job: job.job, reason: describeError(error) }, 'the end of a job could not be noted')
    } finally {
      clearInterval(renewal)
      stopTimer()
    }
  }

  async #attempt(
    { job, work }: Job,
    { state, signal }: { state: JobState | undefined; signal: AbortSignal },
  ): Promise<{ result: RunResult; detail: JobOutcome['detail'] }> {
    const { patientDatabase, log } = this.#options
    try {
      return await work({ database: patientDatabase, log, state, signal })
    } catch (error) {
      if (signal.aborted) return { result: 'lost', detail: { reason: 'the process was stopped' } }
      log.warn({ job, reason: describeError(error) }, 'job failed, next try in its next slot')
      return { result: 'failed', detail: { reason: errorCodeOf(error) ?? describeError(error) } }
    }
  }

  async #renew(runId: string, abort: AbortController): Promise<void> {
    try {
      const held = await this.#options.database.withSystem((tx) => renewLease(tx, runId))
      if (!held) abort.abort()
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'the lease of a job could not be renewed')
    }
  }
}
