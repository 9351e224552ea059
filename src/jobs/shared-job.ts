import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { noteSharedRun, type RunDetail } from '../store/job-runs.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import type { Job } from './job.ts'

const minuteMs = 60_000

export interface SharedJobOptions {
  readonly job: string
  readonly database: SystemDatabase
  readonly metrics: Metrics
  readonly log: Log
  readonly processName: string
  readonly work: () => Promise<RunDetail>
}

/** Work that every process does at each of its turns, each taking what no other has in hand. */
export class SharedJob {
  readonly #options: SharedJobOptions
  #notedAt = -Infinity
  /** Why its last run failed; undefined where it did not. */
  trouble: string | undefined

  constructor(options: SharedJobOptions) {
    this.#options = options
  }

  get job(): string {
    return this.#options.job
  }

  /** The same once more, for whoever asks for it. */
  onRequest(): Job {
    const { job, work } = this.#options
    return {
      job,
      intervalMs: minuteMs,
      shared: true,
      work: async () => ({ result: 'succeeded', detail: await work() }),
    }
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { job, log, metrics, work } = this.#options
    const startedAt = performance.now()
    try {
      await work()
      this.trouble = undefined
      metrics.jobRuns.inc({ job, result: 'succeeded' })
      const seconds = (performance.now() - startedAt) / 1000
      metrics.jobSeconds.observe({ job }, seconds)
      await this.#note(seconds)
    } catch (error) {
      this.trouble = errorCodeOf(error) ?? 'failed'
      metrics.jobRuns.inc({ job, result: 'failed' })
      log.warn({ job, reason: describeError(error) }, 'job failed, next try at its next turn')
    }
  }

  /** There are too many runs to keep a row of each: one a minute tells that they go on. */
  async #note(seconds: number): Promise<void> {
    const { job, database, processName } = this.#options
    if (performance.now() - this.#notedAt < minuteMs) return
    await database.withSystem((tx) => noteSharedRun(tx, { job, intervalMs: minuteMs, processName, seconds }))
    this.#notedAt = performance.now()
  }
}
