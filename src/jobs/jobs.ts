import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { RunDetail } from '../store/job-runs.ts'
import { PolicyCache } from '../store/policies.ts'
import { ensurePartitions } from '../store/readings.ts'
import type { Settled } from '../store/reservation-calendar.ts'
import { SpaceMemory } from '../store/space-lock.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { reconcileBooks } from './books.ts'
import { sweepDeadlines } from './deadlines.ts'
import { dropOldEvents } from './event-retention.ts'
import type { Job } from './job.ts'
import { sweepLeftovers } from './leftovers.ts'
import { sweepOverrides } from './overrides.ts'
import { dropOldReadings } from './retention.ts'
import { followEvidence } from './reservation-evidence.ts'
import { sweepReservations } from './reservations.ts'
import { SharedJob } from './shared-job.ts'
import { Slots } from './slots.ts'

export interface JobsOptions {
  readonly database: SystemDatabase
  /** A `patient` one, for what is run in slots: some of it takes as long as a day of the log is large. */
  readonly patientDatabase: SystemDatabase
  readonly config: Config
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

const minuteMs = 60_000
/** Events that come together are followed together. */
const followPauseMs = 100

/**
 * The jobs role. Due deadlines, overrides whose end has come and the moments of reservations are swept by every process, each
 * taking those that no other has in hand; all else is run in slots, by one process for all.
 */
export class Jobs {
  readonly #options: JobsOptions
  readonly #slots: Slots
  /** In this order: what the evidence says is known before reservations go by it. */
  readonly #swept: readonly SharedJob[]
  readonly #memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  #sweepTimer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined
  #following: Promise<void> | undefined
  #stopping = false

  constructor(options: JobsOptions) {
    this.#options = options
    const processName = `${options.config.BAYWIRE_INSTANCE}/${process.pid}`
    this.#swept = [
      new SharedJob({ ...options, processName, job: 'deadlines', work: () => this.#sweepDeadlines() }),
      new SharedJob({ ...options, processName, job: 'reservations', work: () => this.#sweepReservations() }),
    ]
    this.#slots = new Slots({ ...options, processName }, [
      ...this.#swept.map((swept) => swept.onRequest()),
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

  /** Some space has changed: reservations need not wait for the next sweep. Where nobody says so, they do. */
  notified(): void {
    if (this.#stopping) return
    this.#following ??= this.#follow().finally(() => {
      this.#following = undefined
    })
  }

  /** What runs is told to end; what does not within `BAYWIRE_STOP_MS` is left to another process, as after a crash. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#sweepTimer)
    const timeout = new AbortController()
    const late = pause(this.#options.config.BAYWIRE_STOP_MS, undefined, { signal: timeout.signal }).catch(() => {})
    await Promise.race([Promise.all([this.#sweeping, this.#following, this.#slots.stop()]), late])
    timeout.abort()
  }

  /** Why nothing can be run; undefined while it can. */
  get trouble(): string | undefined {
    const parts = [
      ...this.#swept.map(({ job, trouble }) => ({ job, trouble })),
      { job: 'slots', trouble: this.#slots.trouble },
    ]
    return (
      parts.flatMap(({ job, trouble }) => (trouble === undefined ? [] : `${job}: ${trouble}`)).join('; ') || undefined
    )
  }

  /** The jobs whose last run failed, in whatever process. This one works all the same. */
  get failed(): readonly string[] {
    return this.#slots.failed
  }

  async #sweep(): Promise<void> {
    for (const job of this.#swept) {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      await job.run()
    }
  }

  async #sweepDeadlines(): Promise<RunDetail> {
    const { log } = this.#options
    const context = { ...this.#options, memory: this.#memory }
    const fired = await sweepDeadlines(context)
    const ended = await sweepOverrides(context)
    if (fired > 0) log.info({ fired }, 'deadlines fired')
    if (ended > 0) log.info({ ended }, 'overrides ended')
    return { fired, ended }
  }

  async #sweepReservations(): Promise<RunDetail> {
    const context = { ...this.#options, memory: this.#memory }
    const byTime = await sweepReservations(context)
    this.#noteMoments(byTime)
    const byEvidence = await followEvidence(context)
    this.#noteMoments(byEvidence)
    return { by_time: byTime.changed, by_evidence: byEvidence.changed }
  }

  async #follow(): Promise<void> {
    await pause(followPauseMs)
    if (this.#stopping) return
    try {
      this.#noteMoments(await followEvidence({ ...this.#options, memory: this.#memory }))
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'events could not be followed, next try in a moment')
    }
  }

  #noteMoments({ changed, fed }: Settled): void {
    const { log, metrics } = this.#options
    for (const [phase, count] of Object.entries(fed)) metrics.reservationMoments.inc({ phase }, count)
    if (changed > 0) log.debug({ changed, ...fed }, 'reservations went on')
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
