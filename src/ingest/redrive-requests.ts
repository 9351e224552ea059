import { describeError } from '../errors.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { takeRedrive, type TakenRedrive } from '../store/redrive-runs.ts'
import { HeldRedrive } from './held-redrive.ts'
import { RequestedRedrive, type RequestedRedriveOptions } from './requested-redrive.ts'

export interface RedriveRequestsOptions extends Omit<RequestedRedriveOptions, 'pauseMs'> {
  /** How long a redrive is safe from being taken over without being renewed. */
  readonly leaseMs?: number
  /** How often it is looked for what waits, besides when we are told. */
  readonly pollMs?: number
}

/** So many tenants are redriven by one process at a time: readings that arrive need it too. */
const mostAtOnce = 2

/**
 * Takes up redrives that were asked for over the API, beside any number of processes that do the same: each is done by one of
 * them, and of each tenant one at a time. Where a process is gone, another one goes on; where the database is away, all wait.
 */
export class RedriveRequests {
  readonly #options: Required<RedriveRequestsOptions>
  readonly #running = new Map<HeldRedrive, Promise<void>>()
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> | undefined
  /** Somebody asked while a turn was under way. */
  #again = false

  constructor({ leaseMs = 15_000, pollMs = 3000, ...options }: RedriveRequestsOptions) {
    this.#options = { ...options, leaseMs, pollMs }
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), this.#options.pollMs)
    this.#look()
  }

  /** Something was asked for, or is not wanted any more. */
  woken(): void {
    for (const held of this.#running.keys()) held.look()
    this.#look()
  }

  /** What runs ends behind its batch and is put back, for another process to go on with. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await this.#turn
    await Promise.all(this.#running.values())
  }

  #look(): void {
    if (this.#stopping.signal.aborted) return
    this.#again = true
    this.#turn ??= this.#takeTurn().finally(() => {
      this.#turn = undefined
    })
  }

  async #takeTurn(): Promise<void> {
    while (this.#again && this.#running.size < mostAtOnce && !this.#stopping.signal.aborted) {
      this.#again = false
      const takenAt = performance.now()
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const redrive = await this.#take()
      if (redrive === undefined) continue
      this.#again = true
      this.#run(redrive, takenAt)
    }
  }

  async #take(): Promise<TakenRedrive | undefined> {
    const { database, leaseMs, log } = this.#options
    try {
      return await database.withSystem((tx) => takeRedrive(tx, { leaseMs }))
    } catch (error) {
      // Another process has taken one of the same tenant in the same moment.
      if (errorCodeOf(error) === '23505') return undefined
      log.warn({ reason: describeError(error) }, 'redrives cannot be taken up, next try in a moment')
      return undefined
    }
  }

  #run(redrive: TakenRedrive, takenAt: number): void {
    const { pollMs, ...options } = this.#options
    options.log.info({ redrive: redrive.id, execute: redrive.execute, takeovers: redrive.takeovers }, 'redrive begun')
    const held = new HeldRedrive(options, redrive, takenAt)
    held.start()
    const run = new RequestedRedrive({ ...options, pauseMs: pollMs }, redrive, held)
    this.#running.set(held, this.#toItsEnd(run, held))
  }

  async #toItsEnd(run: RequestedRedrive, held: HeldRedrive): Promise<void> {
    await run.run(this.#stopping.signal)
    await held.stop()
    this.#running.delete(held)
    this.#look()
  }
}
