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
import { Lane, laneOf } from './lane.ts'
import { readingsIn, sizeOf, type Received, type Size } from './message.ts'
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
  readonly #pending: Size = { readings: 0, bytes: 0 }
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
      const onSettled = (settled: Settled, size: Size) => this.#settled(settled, size)
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
    if (this.#held) door.hold()
  }

  /** Whether more waits than one transaction takes. */
  get busy(): boolean {
    return this.#pending.readings > this.#options.config.BAYWIRE_BATCH_READINGS
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
    this.#pending.readings += readingsIn(received)
    this.#pending.bytes += delivery.payload.length
    this.#holdOrRelease()
    this.#lanes[laneOf(delivery.topic, this.#lanes.length)]?.add(received)
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
    this.#done(sizeOf(left))
    this.#giveUp(left)
  }

  #done({ readings, bytes }: Size): void {
    this.#pending.readings -= readings
    this.#pending.bytes -= bytes
    this.#holdOrRelease()
  }

  /** Holds the door while too much is in memory, until half of it is done. */
  #holdOrRelease(): void {
    const { metrics, config } = this.#options
    const { readings, bytes } = this.#pending
    metrics.inFlight.set(readings)
    const share = Math.max(readings / config.BAYWIRE_PENDING_READINGS, bytes / config.BAYWIRE_PENDING_BYTES)
    if (!this.#held && share > 1) {
      this.#held = true
      this.#door?.hold()
    } else if (this.#held && share <= 0.5) {
      this.#held = false
      this.#door?.release()
    }
  }

  #settled({ counts, committed, unknownTenant, givenUp }: Settled, size: Size): void {
    const { metrics, log } = this.#options
    metrics.batchSize.observe(size.readings)
    for (const { delivery } of committed) delivery.acknowledge()
    this.#count(counts)
    for (const received of unknownTenant) {
      this.refuse('unknown_tenant')
      metrics.doorRefused.inc(readingsIn(received))
      received.delivery.acknowledge()
    }
    if (givenUp.length > 0) log.error({ messages: givenUp.length }, 'given up unacknowledged')
    this.#giveUp(givenUp)
    this.#done(size)
  }

  #revoked(received: Received): void {
    this.#giveUp([received])
    this.#done(sizeOf([received]))
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
