import { setTimeout as pause } from 'node:timers/promises'
import { describeError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import { releaseLease, takeLease } from '../store/leases.ts'
import type { SystemDatabase } from '../store/transactions.ts'

export interface HeldLeaseOptions {
  database: SystemDatabase
  name: string
  /** Of this process, for those who look into the table. */
  processName: string
  ttlMs: number
  log: Log
  /** Called when it was got, and when it was lost. */
  onChange: () => void
}

/** How much earlier than the database we take it for lost: clocks do not run equally fast. */
const marginShare = 0.1

/**
 * A lease as one process sees it: asked for until it is got, renewed three times in its life. Whether it is held is known
 * without asking anybody: from the moment before it was last renewed, by a clock that only goes forward, so that one who was
 * stopped for a while knows at once that it is over.
 */
export class HeldLease {
  readonly #options: HeldLeaseOptions
  readonly #stopping = new AbortController()
  readonly #holder: string
  #heldUntil = -Infinity
  #term = 0
  #wanted = false
  /** It was asked for since it was last given back. */
  #asked = false
  #wasHeld = false
  #running: Promise<void> | undefined

  constructor(options: HeldLeaseOptions) {
    this.#options = options
    this.#holder = `${options.processName}/${newId()}`
  }

  get held(): boolean {
    return performance.now() < this.#heldUntil
  }

  /** Another number each time that it was got: in between, another one may have held it. */
  get term(): number {
    return this.#term
  }

  get key(): { name: string; holder: string } {
    return { name: this.#options.name, holder: this.#holder }
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Only one that could do the work is to hold it. */
  want(wanted: boolean): void {
    this.#wanted = wanted
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    // Where the database is away, it ends by itself.
    await this.#release().catch(() => {})
  }

  async #run(): Promise<void> {
    const { ttlMs, log, onChange } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one look after the other
        await (this.#wanted ? this.#take() : this.#release())
      } catch (error) {
        log.warn({ reason: describeError(error) }, 'the lease of the outbox could not be renewed')
      }
      if (this.held !== this.#wasHeld) {
        this.#wasHeld = this.held
        log.info(this.held ? 'publishing states for all processes' : 'no longer publishing states')
        onChange()
      }
      const waitMs = this.held ? ttlMs / 3 : ttlMs / 10
      // oxlint-disable-next-line no-await-in-loop
      await pause(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
    }
  }

  async #take(): Promise<void> {
    const { database, name, ttlMs } = this.#options
    const askedAt = performance.now()
    this.#asked = true
    const taken = await database.withSystem((tx) => takeLease(tx, { name, holder: this.#holder, ttlMs }))
    if (taken && !this.held) this.#term += 1
    this.#heldUntil = taken ? askedAt + ttlMs * (1 - marginShare) : -Infinity
  }

  async #release(): Promise<void> {
    if (!this.#asked) return
    this.#heldUntil = -Infinity
    await this.#options.database.withSystem((tx) => releaseLease(tx, this.key))
    this.#asked = false
  }
}
