/**
 * Commits batches through Baywire's own ingest code, in a process of its own. The batches are made and decoded
 * beforehand, some hundred thousand readings at a time; only the commits are timed.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
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
export type Committed = Pick<Window, 'seconds' | 'rate'>

/** Readings that are made ready at a time: what the last lane to end does alone is then a small part of it. */
const readyReadings = 120_000

/** A full collection, which Node gives only to those who ask so. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Source {
  topic: string
  sensors: Sensors
}

/** As the lanes of ingest: each has topics of its own, commits one batch at a time, and keeps its own books. */
interface CommitLane {
  context: CommitContext
  sources: Source[]
  turn: number
}

class Committer {
  readonly #lanes: readonly CommitLane[]
  readonly #batchReadings: number

  constructor({ databaseUrl, gateways }: CommitOptions) {
    const { BAYWIRE_BATCH_READINGS, BAYWIRE_LANES } = readConfig({})
    this.#batchReadings = BAYWIRE_BATCH_READINGS
    const shared = {
      database: systemDatabase({
        url: databaseUrl,
        max: BAYWIRE_LANES,
        statementTimeoutMs: 0,
        name: 'baywire bench commit',
      }),
      memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
      directory: new DeviceDirectory(),
      clock: systemClock,
    }
    this.#lanes = Array.from({ length: BAYWIRE_LANES }, (_, lane) => ({
      context: { ...shared, writer: `bench-ceiling/${lane}` },
      sources: gateways
        .filter((_gateway, index) => index % BAYWIRE_LANES === lane)
        .map((gateway) => ({ topic: gateway.topic, sensors: new Sensors(gateway) })),
      turn: 0,
    }))
  }

  async prepare(): Promise<void> {
    await this.#lanes[0]?.context.database.withSystem((tx) => ensurePartitions(tx, systemClock.now()))
  }

  async commitFor(seconds: number): Promise<Committed> {
    let [readings, spentMs] = [0, 0]
    while (spentMs < seconds * 1000) {
      const ready = this.#lanes.map((lane) => ({ lane, batches: this.#batchesOf(lane) }))
      // What making them left behind is not collected on the commits' time.
      collectGarbage()
      const startedAt = performance.now()
      // oxlint-disable-next-line no-await-in-loop -- what is ready, then the next
      await Promise.all(ready.map(({ lane, batches }) => commitAll(lane, batches)))
      spentMs += performance.now() - startedAt
      readings += ready.reduce((sum, { batches }) => sum + batches.length * this.#batchReadings, 0)
    }
    const spent = spentMs / 1000
    return { seconds: spent, rate: readings / spent }
  }

  #batchesOf(lane: CommitLane): Received[][] {
    const batches = Math.ceil(readyReadings / this.#batchReadings / this.#lanes.length)
    return Array.from({ length: batches }, () => Array.from({ length: this.#batchReadings }, () => nextMessage(lane)))
  }
}

async function commitAll({ context }: CommitLane, batches: readonly Received[][]): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one batch after the other, as a lane does
  for (const batch of batches) await commitBatch(context, batch)
}

function nextMessage(lane: CommitLane): Received {
  const { topic, sensors } = lane.sources[lane.turn] as Source
  lane.turn = (lane.turn + 1) % lane.sources.length
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

let committer: Committer | undefined
answerOrders(async (order: CommitOptions | CommitOrder): Promise<Committed> => {
  if ('seconds' in order) {
    if (committer === undefined) throw new Error('no gateways yet')
    return await committer.commitFor(order.seconds)
  }
  committer = new Committer(order)
  await committer.prepare()
  return { seconds: 0, rate: 0 }
})
