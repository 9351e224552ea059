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
import type { CommittedBatch } from './target.ts'

export interface CommitOptions {
  databaseUrl: string
  gateways: Gateway[]
}

export interface CommitOrder {
  seconds: number
  batches: readonly CommittedBatch[]
}

/** While nothing but commits was going on. */
export type Committed = Pick<Window, 'seconds' | 'rate' | 'batch'> & {
  /** That this process used meanwhile. */
  cpuSeconds: number
}

/** Readings that are made ready at a time. */
const readyReadings = 120_000

/** A full collection, which Node gives only to those who ask so. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Source {
  topic: string
  sensors: Sensors
}

/** As the lanes of ingest: each commits one batch at a time, and keeps its own books. */
interface CommitLane {
  context: CommitContext
  /** How many batches it has made. */
  made: number
}

class Committer {
  readonly #lanes: readonly CommitLane[]
  readonly #sources: readonly Source[]

  constructor({ databaseUrl, gateways }: CommitOptions) {
    const { BAYWIRE_LANES } = readConfig({})
    this.#sources = gateways.map((gateway) => ({ topic: gateway.topic, sensors: new Sensors(gateway) }))
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
      made: 0,
    }))
  }

  async prepare(): Promise<void> {
    await this.#lanes[0]?.context.database.withSystem((tx) => ensurePartitions(tx, systemClock.now()))
  }

  /** The rate is the sum of those of the lanes, each until its own end: none is charged for waiting for the other. */
  async commitFor({ seconds, batches }: CommitOrder): Promise<Committed> {
    const lanes = this.#lanes.map((lane, number) => ({
      lane,
      committed: batches.filter((batch) => batch.lane === number),
      done: { readings: 0, batches: 0, ms: 0 },
    }))
    if (lanes.some(({ committed }) => committed.length === 0))
      throw new Error('a lane of the product committed nothing')
    const sum = { ms: 0, cpuMs: 0 }
    while (sum.ms < seconds * 1000) {
      const ready = lanes.map(({ lane, committed, done }) => ({ lane, next: this.#next(lane, committed), done }))
      // What making them left behind is not collected on the commits' time.
      collectGarbage()
      const from = { at: performance.now(), cpu: process.cpuUsage() }
      // oxlint-disable-next-line no-await-in-loop -- what is ready, then the next
      await Promise.all(ready.map(({ lane, next, done }) => commitAll(lane, next, done)))
      const { user, system } = process.cpuUsage(from.cpu)
      sum.ms += performance.now() - from.at
      sum.cpuMs += (user + system) / 1000
    }
    const readings = lanes.reduce((total, { done }) => total + done.readings, 0)
    return {
      seconds: sum.ms / 1000,
      rate: lanes.reduce((total, { done }) => total + (done.readings / done.ms) * 1000, 0),
      batch: readings / lanes.reduce((total, { done }) => total + done.batches, 0),
      cpuSeconds: sum.cpuMs / 1000,
    }
  }

  /** New readings in batches like those that were committed, one after the other and from the first again. */
  #next(lane: CommitLane, committed: readonly CommittedBatch[]): Received[][] {
    const next: Received[][] = []
    let readings = 0
    while (readings < readyReadings / this.#lanes.length) {
      const { gateways } = committed[lane.made++ % committed.length] as CommittedBatch
      next.push(messagesOf(gateways.map((gateway) => this.#sources[gateway] as Source)))
      readings += gateways.length
    }
    return next
  }
}

interface Done {
  readings: number
  batches: number
  ms: number
}

/** Takes them off the list, as a lane does: what is committed is kept by nobody. */
async function commitAll({ context }: CommitLane, batches: Received[][], done: Done): Promise<void> {
  const startedAt = performance.now()
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
    // oxlint-disable-next-line no-await-in-loop -- one batch after the other
    await commitBatch(context, batch)
    done.readings += batch.length
    done.batches += 1
  }
  done.ms += performance.now() - startedAt
}

/** Their packets lie behind each other, as they come over a connection. */
function messagesOf(sources: readonly Source[]): Received[] {
  const bytes = Buffer.alloc(sources.reduce((sum, { sensors }) => sum + sensors.packetBytes, 0))
  let at = 0
  return sources.map(({ topic, sensors }) => {
    sensors.write(bytes, at, { packetId: 1, nowMs: Date.now() })
    const payload = bytes.subarray(at + sensors.payloadAt, at + sensors.packetBytes)
    at += sensors.packetBytes
    return messageOf(topic, payload)
  })
}

function messageOf(topic: string, payload: Buffer): Received {
  const message = receive({
    topic,
    payload,
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
    return await committer.commitFor(order)
  }
  committer = new Committer(order)
  await committer.prepare()
  return { seconds: 0, rate: 0, cpuSeconds: 0 }
})
