import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { PolicyCache } from '../store/policies.ts'
import { SpaceMemory } from '../store/space-lock.ts'
import { ensurePartitions } from '../store/readings.ts'
import { compareBooks } from '../store/reconcile.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { sweepDeadlines } from './deadlines.ts'

export interface JobsOptions {
  readonly database: SystemDatabase
  readonly config: Config
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

const minuteMs = 60_000
/** How far back the books are compared each time, in minutes. */
const reconciledMinutes = 10

/** The jobs role: due deadlines, partitions ahead, the books compared. Each job waits for its own last run. */
export class Jobs {
  readonly #options: JobsOptions
  readonly #memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
  readonly #timers: NodeJS.Timeout[] = []
  readonly #running = new Set<Promise<void>>()
  /** Why the last run of a job failed, by job. */
  readonly #troubles = new Map<string, string>()

  constructor(options: JobsOptions) {
    this.#options = options
  }

  start(): void {
    const { config } = this.#options
    this.#every('deadlines', config.BAYWIRE_SWEEP_MS, () => this.#sweep())
    this.#every('partitions', 60 * minuteMs, () => this.#makePartitions())
    this.#every('books', minuteMs, () => this.#compareBooks())
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.#running)
  }

  /** What is wrong with the jobs; undefined while nothing is. */
  get trouble(): string | undefined {
    return [...this.#troubles].map(([job, reason]) => `${job}: ${reason}`).join('; ') || undefined
  }

  #every(job: string, intervalMs: number, work: () => Promise<void>): void {
    let running = false
    const run = async () => {
      if (running) return
      running = true
      try {
        await work()
        this.#troubles.delete(job)
      } catch (error) {
        this.#troubles.set(job, errorCodeOf(error) ?? 'failed')
        this.#options.log.warn({ job, reason: describeError(error) }, 'job failed, next try at its next turn')
      } finally {
        running = false
      }
    }
    const track = () => {
      const promise: Promise<void> = run().finally(() => this.#running.delete(promise))
      this.#running.add(promise)
    }
    this.#timers.push(setInterval(track, intervalMs))
    track()
  }

  async #sweep(): Promise<void> {
    const fired = await sweepDeadlines({ ...this.#options, memory: this.#memory })
    if (fired > 0) this.#options.log.info({ fired }, 'deadlines fired')
  }

  async #makePartitions(): Promise<void> {
    const { database, clock } = this.#options
    await database.withSystem((tx) => ensurePartitions(tx, clock.now()))
  }

  async #compareBooks(): Promise<void> {
    const { database, clock, metrics, log } = this.#options
    const since = clock.now() - reconciledMinutes * minuteMs
    const { imbalance } = await database.withSnapshot((tx) => compareBooks(tx, { since }))
    metrics.ledgerImbalance.set(imbalance)
    if (imbalance > 0) log.error({ imbalance }, 'the ledger and the log differ')
  }
}
