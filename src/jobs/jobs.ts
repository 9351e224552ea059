import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { noteSharedRun } from '../store/job-runs.ts'
import { PolicyCache } from '../store/policies.ts'
import { ensurePartitions } from '../store/readings.ts'
import { SpaceMemory } from '../store/space-lock.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { reconcileBooks } from './books.ts'
import { sweepDeadlines } from './deadlines.ts'
import { dropOldEvents } from './event-retention.ts'
import type { Job } from './job.ts'
import { sweepLeftovers } from './leftovers.ts'
import { sweepOverrides } from './overrides.ts'
import { dropOldReadings } from './retention.ts'
import { Slots } from './slots.ts'

export interface JobsOptions {
  readonly database: SystemDatabase
  readonly config: Config
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

const minuteMs = 60_000

/**
 * The jobs role. Due deadlines, and overrides whose end has come, are swept by every process, each taking those that no
 * other has in hand; all else is run in slots, by one process for all.
 */
export class Jobs {
  readonly #options: JobsOptions
  readonly #processName: string
  readonly #slots: Slots
  readonly #memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  #sweepTimer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined
  #sweepNotedAt = -Infinity
  #sweepTrouble: string | undefined

  constructor(options: JobsOptions) {
    this.#options = options
    this.#processName = `${options.config.BAYWIRE_INSTANCE}/${process.pid}`
    this.#slots = new Slots({ ...options, processName: this.#processName }, [
      { job: 'deadlines', intervalMs: minuteMs, shared: true, work: () => this.#sweepOnce() },
      ...slottedJobs(options),
    ])
  }

  start(): void {
    const sweep = () => {
      this.#sweeping ??= this.#sweep().finally(() => {
        this.#sweeping = undefined
      })
    }
    this.#sweepTimer = setInterval(sweep, this.#options.config.BAYWIRE_SWEEP_MS)
    sweep()
    this.#slots.start()
  }

  /** What runs is told to end; what does not within `BAYWIRE_STOP_MS` is left to another process, as after a crash. */
  async stop(): Promise<void> {
    clearInterval(this.#sweepTimer)
    const timeout = new AbortController()
    const late = pause(this.#options.config.BAYWIRE_STOP_MS, undefined, { signal: timeout.signal }).catch(() => {})
    await Promise.race([Promise.all([this.#sweeping, this.#slots.stop()]), late])
    timeout.abort()
  }

  /** Why nothing can be run; undefined while it can. */
  get trouble(): string | undefined {
    const troubles = { deadlines: this.#sweepTrouble, slots: this.#slots.trouble }
    const known = Object.entries(troubles).flatMap(([part, reason]) =>
      reason === undefined ? [] : `${part}: ${reason}`,
    )
    return known.join('; ') || undefined
  }

  /** The jobs whose last run failed, in whatever process. This one works all the same. */
  get failed(): readonly string[] {
    return this.#slots.failed
  }

  async #sweep(): Promise<void> {
    const { log, metrics } = this.#options
    const startedAt = performance.now()
    try {
      const { fired, ended } = (await this.#sweepOnce()).detail
      this.#sweepTrouble = undefined
      metrics.jobRuns.inc({ job: 'deadlines', result: 'succeeded' })
      const seconds = (performance.now() - startedAt) / 1000
      metrics.jobSeconds.observe({ job: 'deadlines' }, seconds)
      if (fired > 0) log.info({ fired }, 'deadlines fired')
      if (ended > 0) log.info({ ended }, 'overrides ended')
      await this.#noteSweep(seconds)
    } catch (error) {
      this.#sweepTrouble = errorCodeOf(error) ?? 'failed'
      metrics.jobRuns.inc({ job: 'deadlines', result: 'failed' })
      log.warn({ job: 'deadlines', reason: describeError(error) }, 'job failed, next try at its next turn')
    }
  }

  async #sweepOnce(): Promise<{ result: 'succeeded'; detail: { fired: number; ended: number } }> {
    const context = { ...this.#options, memory: this.#memory }
    return {
      result: 'succeeded',
      detail: { fired: await sweepDeadlines(context), ended: await sweepOverrides(context) },
    }
  }

  /** There are too many sweeps to keep a row of each: one a minute tells that they go on. */
  async #noteSweep(seconds: number): Promise<void> {
    const { database } = this.#options
    if (performance.now() - this.#sweepNotedAt < minuteMs) return
    const slot = { job: 'deadlines', intervalMs: minuteMs, processName: this.#processName, seconds }
    await database.withSystem((tx) => noteSharedRun(tx, slot))
    this.#sweepNotedAt = performance.now()
  }
}

function slottedJobs({ config, clock }: JobsOptions): Job[] {
  return [
    {
      job: 'partitions',
      intervalMs: 60 * minuteMs,
      work: async ({ database }) => {
        await database.withSystem((tx) => ensurePartitions(tx, clock.now()))
        return { result: 'succeeded', detail: {} }
      },
    },
    { job: 'books', intervalMs: minuteMs, work: reconcileBooks },
    { job: 'leftovers', intervalMs: 10 * minuteMs, work: sweepLeftovers },
    {
      job: 'retention',
      intervalMs: 60 * minuteMs,
      work: async (context) => {
        const days = config.BAYWIRE_RETENTION_DAYS
        const { result, detail } = await dropOldReadings(context, { days })
        return { result, detail: { ...detail, events: await dropOldEvents(context, { days }) } }
      },
    },
  ]
}
