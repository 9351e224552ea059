import { setTimeout as pause } from 'node:timers/promises'
import { describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { PublishRefused, type Outlet } from '../mqtt/outlet.ts'
import { followerLagSeconds } from '../store/outbox.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { HeldLease } from './held-lease.ts'
import { outboxFollower, Round, type RoundOptions } from './round.ts'

export interface OutboxOptions {
  database: SystemDatabase
  outlet: Outlet
  /**
   * Of the broker. `own`: it is in this process, which alone can publish to it, and forgets with it. `shared`: any process
   * could publish to it, so one does, under a lease; and it remembers what an earlier one published.
   */
  broker: 'own' | 'shared'
  /** Of this process, for those who look who holds the lease. */
  processName: string
  metrics: Pick<Metrics, 'outboxLag' | 'outboxPublished'>
  log: Log
  /** Shortest between two publishes of one state. */
  windowMs: number
  /** Whether more readings wait than can be committed at once: states are then published more rarely. */
  isBusy?: () => boolean
  timing?: Partial<OutboxTiming>
}

export interface OutboxTiming {
  /** How often it looks by itself, for what it was not woken for. */
  pollMs: number
  /** How often newer evidence is looked for that emitted no event. */
  evidenceMs: number
  /** How often everything is published again, whatever may have become of it at the broker. */
  againMs: number
  leaseMs: number
  lagMs: number
}

const defaultTiming: OutboxTiming = {
  pollMs: 2000,
  evidenceMs: 25_000,
  againMs: 3_600_000,
  leaseMs: 10_000,
  lagMs: 5000,
}

const leaseName = 'outbox'
/** So many messages a second on average: subscribers have to take what is published. */
const messagesPerS = 2000
/** While readings wait, which come first. */
const busyMessagesPerS = 400
/** How long a broker has to acknowledge what is on its way when we stop. */
const stopMs = 2000
const firstRetryMs = 200
const longestRetryMs = 60_000
/** Trying again what is refused may cost the connection that readings come by. */
const refusedRetryMs = 600_000

/**
 * States and availability, retained at the broker. Guarantees that the broker has the last one of each space and site sooner or
 * later, whatever fails meanwhile; that no topic is given an older one after a newer one; and that what is no more is cleared.
 * It publishes what is so now and not what happened: many events of one space while it rests, or while the broker is away,
 * are one message.
 *
 * What it knows of the broker is kept in memory for as long as it holds the lease and the connection; with either of them
 * gone, everything is published again.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #timing: OutboxTiming
  readonly #lease: HeldLease | undefined
  readonly #stopping = new AbortController()
  #round: Round | undefined
  /** What the round is good for. */
  #connection: number | undefined
  #term: number | undefined
  #wake = new AbortController()
  #running: Promise<unknown> | undefined
  #failures = 0

  constructor(options: OutboxOptions) {
    const { database, outlet, broker, processName, log } = options
    this.#options = options
    this.#timing = { ...defaultTiming, ...options.timing }
    if (broker === 'shared') {
      const ttlMs = this.#timing.leaseMs
      const onChange = () => this.woken()
      this.#lease = new HeldLease({ database, name: leaseName, processName, ttlMs, log, onChange })
    }
    outlet.onConnection(() => this.#connectionChanged())
  }

  start(): void {
    this.#connectionChanged()
    this.#lease?.start()
    this.#running ??= Promise.all([this.#run(), this.#watchLag()])
  }

  /** Something may have been committed. */
  woken(): void {
    this.#wake.abort()
  }

  /** What was not published is published by whoever comes next. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.woken()
    const patience = new AbortController()
    await Promise.race([this.#running, pause(stopMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
    await this.#lease?.stop()
  }

  #connectionChanged(): void {
    // Whoever cannot publish leaves it to another process.
    this.#lease?.want(this.#options.outlet.connection !== undefined)
    this.woken()
  }

  get #mayPublish(): boolean {
    return !this.#stopping.signal.aborted && this.#lease?.held !== false
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Whatever wakes us from here on counts.
      this.#wake = new AbortController()
      // oxlint-disable no-await-in-loop -- one round after the other
      const next = await this.#turn()
      if (next === 'sleep') await this.#sleep(this.#timing.pollMs)
      // oxlint-enable no-await-in-loop
    }
  }

  /** One round, where there may be one, and the rest after it. */
  async #turn(): Promise<'sleep' | 'go on'> {
    const { outlet, log } = this.#options
    const { connection } = outlet
    if (connection === undefined || !this.#mayPublish) return 'sleep'
    try {
      this.#round = await this.#roundOf(connection)
      const { published, isDue } = await this.#round.run()
      this.#failures = 0
      const perS = this.#options.isBusy?.() === true ? busyMessagesPerS : messagesPerS
      await this.#rest(Math.max((published * 1000) / perS, this.#options.windowMs))
      return isDue ? 'go on' : 'sleep'
    } catch (error) {
      const reason = describeError(error)
      if (error instanceof PublishRefused) log.error({ reason }, 'the broker refuses our states: see its access rules')
      else if (this.#mayPublish) log.warn({ reason }, 'states could not be published, next try in a moment')
      await this.#rest(error instanceof PublishRefused ? refusedRetryMs : this.#retryMs())
      return 'go on'
    }
  }

  /** What is known from before is good while nobody else may have published, and goes on anew where the broker forgot. */
  async #roundOf(connection: number): Promise<Round> {
    const term = this.#lease?.term
    const known = this.#term === term ? this.#round : undefined
    if (known !== undefined && this.#connection !== connection) known.startAgain()
    const round = known ?? (await Round.open(this.#roundOptions(term)))
    this.#connection = connection
    this.#term = term
    return round
  }

  #roundOptions(term: number | undefined): RoundOptions {
    const mayGoOn = () => this.#mayPublish && this.#lease?.term === term
    return { ...this.#options, ...this.#timing, lease: this.#lease?.key, mayGoOn }
  }

  #retryMs(): number {
    this.#failures += 1
    return Math.min(firstRetryMs * 2 ** Math.min(this.#failures - 1, 16), longestRetryMs)
  }

  /** Nothing but the end cuts it short. */
  async #rest(milliseconds: number): Promise<void> {
    await pause(milliseconds, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }

  async #sleep(milliseconds: number): Promise<void> {
    await pause(milliseconds, undefined, { signal: this.#wake.signal }).catch(() => {})
  }

  /** Also where another process publishes, or none. */
  async #watchLag(): Promise<void> {
    const { database, metrics, log } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one look after the other
        metrics.outboxLag.set(await database.withSystem((tx) => followerLagSeconds(tx, outboxFollower)))
      } catch (error) {
        log.debug({ reason: describeError(error) }, 'how far the outbox has come could not be read')
      }
      // oxlint-disable-next-line no-await-in-loop
      await this.#rest(this.#timing.lagMs)
    }
  }
}
