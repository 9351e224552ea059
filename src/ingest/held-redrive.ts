import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { renewRedrive, type TakenRedrive } from '../store/redrive-runs.ts'
import type { SystemDatabase } from '../store/transactions.ts'

export interface HeldRedriveOptions {
  readonly database: SystemDatabase
  readonly log: Log
  readonly leaseMs: number
}

/** Why whoever runs it is to end. */
type Ending = 'cancelled' | 'lost'

/** The lease of a redrive that was taken up, renewed three times in its life; each time we are told of a cancellation too. */
export class HeldRedrive {
  readonly #options: HeldRedriveOptions
  readonly #redrive: TakenRedrive
  readonly #ending = new AbortController()
  #heldUntil: number
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> | undefined
  ending: Ending | undefined

  /** @param takenAt when it was asked for, by `performance.now()` */
  constructor(options: HeldRedriveOptions, redrive: TakenRedrive, takenAt: number) {
    this.#options = options
    this.#redrive = redrive
    this.#heldUntil = takenAt + options.leaseMs
    if (redrive.isCancelled) this.end('cancelled')
  }

  /** Aborted once it was cancelled, or is another one's. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), this.#options.leaseMs / 3)
  }

  /** Now, because it may have been cancelled. */
  look(): void {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined
    })
  }

  end(ending: Ending): void {
    this.ending ??= ending
    this.#ending.abort()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
  }

  async #renew(): Promise<void> {
    const { database, leaseMs, log } = this.#options
    const askedAt = performance.now()
    try {
      const renewed = await database.withSystem((tx) => renewRedrive(tx, { ...this.#redrive, leaseMs }))
      if (renewed === undefined) this.end('lost')
      else if (renewed.isCancelled) this.end('cancelled')
      else this.#heldUntil = askedAt + leaseMs
    } catch (error) {
      log.warn({ redrive: this.#redrive.id, reason: describeError(error) }, 'the lease of a redrive was not renewed')
      if (performance.now() > this.#heldUntil) this.end('lost')
    }
  }
}
