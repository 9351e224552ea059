import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Delivery, Door, Receiver, RefusalReason } from '../mqtt/delivery.ts'
import { errorCodeOf } from '../store/connection-error.ts'
import { DeviceDirectory } from '../store/device-directory.ts'
import { PolicyCache } from '../store/policies.ts'
import { SpaceMemory } from '../store/space-lock.ts'
import type { SystemDatabase } from '../store/transactions.ts'
import { Lane } from './lane.ts'
import { readingsIn, readingsOf, type Received } from './message.ts'
import { receive } from './receive.ts'
import type { Settled } from './settle.ts'

export interface IngestOptions {
  readonly database: SystemDatabase
  readonly config: Config
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

/**
 * The pipeline behind the door: receive, batch, commit, acknowledge. Messages of one topic go through one lane, in
 * order; while one lane's batch is being stepped, Postgres works on the other's.
 *
 * Guarantees: nothing is acknowledged before the COMMIT that has it returned; a batch that cannot be committed because
 * the database is away is tried again until it can, or given up unacknowledged when the process stops.
 */
export class Ingest implements Receiver {
  readonly #options: IngestOptions
  readonly #stopping = new AbortController()
  readonly #lanes: readonly Lane[]
  #pendingReadings = 0
  #door: Door | undefined
  #held = false
  /** Why the database cannot be written now; undefined while it can. */
  trouble: string | undefined

  constructor(options: IngestOptions) {
    this.#options = options
    const memory = { policies: new PolicyCache(), spaces: new SpaceMemory() }
    const directory = new DeviceDirectory()
    const { config } = options
    this.#lanes = Array.from({ length: config.BAYWIRE_LANES }, (_, number) => {
      const context = {
        ...options,
        memory,
        directory,
        // Lanes keep books of their own: otherwise each would wait for the other's COMMIT.
        writer: `${config.BAYWIRE_INSTANCE}/${number}`,
        signal: this.#stopping.signal,
        onTrouble: (error: unknown) => {
          // Anybody may read /ready: the code is enough, the rest is in the log.
          this.trouble = error === undefined ? undefined : `cannot commit: ${errorCodeOf(error) ?? 'internal error'}`
        },
      }
      const onSettled = (settled: Settled, readings: number) => this.#settled(settled, readings)
      const onRevoked = (received: Received) => this.#revoked(received)
      return new Lane({
        context,
        mostReadings: config.BAYWIRE_BATCH_READINGS,
        mostBytes: config.BAYWIRE_BATCH_BYTES,
        onSettled,
        onRevoked,
      })
    })
  }

  /** The door that is held while too much waits: the rest waits with its senders. */
  attach(door: Door): void {
    this.#door = door
  }

  /** Whether more waits than one transaction takes. */
  get busy(): boolean {
    return this.#pendingReadings > this.#options.config.BAYWIRE_BATCH_READINGS
  }

  receive(delivery: Delivery): void {
    const { metrics, config } = this.#options
    const received = delivery.payload.length > config.BAYWIRE_PAYLOAD_BYTES ? 'payload_too_large' : receive(delivery)
    if (typeof received === 'string') {
      this.refuse(received)
      delivery.acknowledge()
      return
    }
    metrics.doorSeen.inc(readingsIn(received))
    if (this.#stopping.signal.aborted) {
      this.#giveUp([received])
      return
    }
    this.#pending(readingsIn(received))
    this.#laneOf(delivery.topic)?.add(received)
  }

  refuse(reason: RefusalReason): void {
    this.#options.metrics.refused.inc({ reason })
  }

  /**
   * Commits what waits, for at most `BAYWIRE_STOP_MS`, and gives up the rest unacknowledged. A door that was closed
   * has waited so long already.
   */
  async stop(): Promise<void> {
    const { config, log } = this.#options
    const idle = Promise.all(this.#lanes.map((lane) => lane.idle()))
    const waitMs = this.#door === undefined ? config.BAYWIRE_STOP_MS : 0
    const timeout = new AbortController()
    await Promise.race([idle, pause(waitMs, undefined, { signal: timeout.signal }).catch(() => {})])
    timeout.abort()
    this.#stopping.abort()
    await idle
    const left = this.#lanes.flatMap((lane) => lane.drain())
    if (left.length > 0) log.warn({ messages: left.length }, 'stopped with messages unacknowledged')
    this.#pending(-readingsOf(left))
    this.#giveUp(left)
  }

  #laneOf(topic: string): Lane | undefined {
    let hash = 0
    for (let index = 0; index < topic.length; index++) hash = (Math.imul(hash, 31) + topic.charCodeAt(index)) | 0
    return this.#lanes[(hash >>> 0) % this.#lanes.length]
  }

  /** Keeps count of what is in memory, and holds the door while it is too much. */
  #pending(change: number): void {
    const { metrics, config } = this.#options
    this.#pendingReadings += change
    metrics.inFlight.set(this.#pendingReadings)
    if (!this.#held && this.#pendingReadings > config.BAYWIRE_PENDING_READINGS) {
      this.#held = true
      this.#door?.hold()
    } else if (this.#held && this.#pendingReadings <= config.BAYWIRE_PENDING_READINGS / 2) {
      this.#held = false
      this.#door?.release()
    }
  }

  #settled({ counts, committed, unknownTenant, givenUp }: Settled, readings: number): void {
    const { metrics, log } = this.#options
    metrics.batchSize.observe(readings)
    for (const { delivery } of committed) delivery.acknowledge()
    this.#count(counts)
    for (const received of unknownTenant) {
      this.refuse('unknown_tenant')
      metrics.doorRefused.inc(readingsIn(received))
      received.delivery.acknowledge()
    }
    if (givenUp.length > 0) log.error({ messages: givenUp.length }, 'given up unacknowledged')
    this.#giveUp(givenUp)
    this.#pending(-readings)
  }

  #revoked(received: Received): void {
    this.#giveUp([received])
    this.#pending(-readingsIn(received))
  }

  #count(counts: Settled['counts']): void {
    for (const { tenant, outcome, count } of counts) this.#options.metrics.readings.inc({ tenant, outcome }, count)
  }

  #giveUp(received: readonly Received[]): void {
    for (const one of received) {
      this.#options.metrics.doorGivenUp.inc(readingsIn(one))
      one.delivery.giveUp()
    }
  }
}
