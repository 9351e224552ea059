/** Commits batches through Baywire's own ingest code, in a process of its own. Only the commits are timed. */
import { systemClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { commitBatch, type CommitContext } from '../../src/ingest/commit.ts'
import type { Received } from '../../src/ingest/message.ts'
import { receive } from '../../src/ingest/receive.ts'
import { DeviceDirectory } from '../../src/store/device-directory.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { systemDatabase } from '../../src/store/transactions.ts'
import type { Window } from '../measure.ts'
import { answerOrders } from '../helper.ts'
import type { Gateway } from '../load/gateway.ts'
import { Sensors } from '../load/sensors.ts'

export interface CommitOptions {
  databaseUrl: string
  gateways: Gateway[]
}

export interface CommitOrder {
  seconds: number
}

/** While nothing but commits was going on. */
export type Committed = Omit<Window, 'cores'>

interface Source {
  topic: string
  sensors: Sensors
}

class Committer {
  readonly #context: CommitContext
  readonly #gateways: Source[]
  readonly #batchReadings = readConfig({}).BAYWIRE_BATCH_READINGS
  #turn = 0

  constructor({ databaseUrl, gateways }: CommitOptions) {
    const database = systemDatabase({ url: databaseUrl, max: 2, statementTimeoutMs: 0, name: 'baywire bench commit' })
    this.#context = {
      database,
      memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
      directory: new DeviceDirectory(),
      clock: systemClock,
      writer: 'bench',
    }
    this.#gateways = gateways.map((gateway) => ({ topic: gateway.topic, sensors: new Sensors(gateway) }))
  }

  async prepare(): Promise<void> {
    await this.#context.database.withSystem((tx) => ensurePartitions(tx, systemClock.now()))
  }

  async commitFor(seconds: number): Promise<Committed> {
    let [readings, spentMs] = [0, 0]
    while (spentMs < seconds * 1000) {
      const batch = Array.from({ length: this.#batchReadings }, () => this.#message())
      const startedAt = performance.now()
      // oxlint-disable-next-line no-await-in-loop -- one batch after the other, as ingest does
      await commitBatch(this.#context, batch)
      spentMs += performance.now() - startedAt
      readings += batch.length
    }
    const spent = spentMs / 1000
    return { seconds: spent, rate: readings / spent }
  }

  #message(): Received {
    const { topic, sensors } = this.#gateways[this.#turn] as Source
    this.#turn = (this.#turn + 1) % this.#gateways.length
    const packet = Buffer.alloc(sensors.packetBytes)
    sensors.write(packet, 0, { packetId: 1, nowMs: Date.now() })
    const message = receive({
      topic,
      payload: packet.subarray(sensors.payloadAt),
      receivedAtMs: Date.now(),
      retained: false,
      duplicate: false,
      acknowledge: () => {},
      giveUp: () => {},
    })
    if (typeof message === 'string') throw new Error(message)
    return message
  }
}

let committer: Committer | undefined
answerOrders(async (order: CommitOptions | CommitOrder): Promise<Committed | null> => {
  if ('seconds' in order) return (await committer?.commitFor(order.seconds)) ?? null
  committer = new Committer(order)
  await committer.prepare()
  return null
})
