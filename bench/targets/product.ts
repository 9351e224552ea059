import { setTimeout as pause } from 'node:timers/promises'
import type { Latency } from '../database.ts'
import { provisionFleet, type Moment } from '../database.ts'
import { readConfig } from '../../src/config.ts'
import { laneOf } from '../../src/ingest/lane.ts'
import { median, untilQuiet, watch, type Cores, type Window } from '../measure.ts'
import { startMosquitto, type Mosquitto } from '../mosquitto.ts'
import type { Gateway } from '../load/gateway.ts'
import { meterOf, type Meter } from '../processes.ts'
import { askBaywire, startBaywire, type Baywire } from '../program.ts'
import { drain, supplied, type Load } from '../supply.ts'
import { startLoad, Unavailable, type CommittedBatch, type Run, type Target } from './target.ts'

/**
 * Baywire as its users run it: `baywire start` as a process of its own, which gateways publish to, through the broker
 * in it or through Mosquitto. First as fast as it takes them, then at shares of that rate for the latency, which at the
 * limit would only be what waits divided by the rate.
 */
export interface ProductFindings {
  latencies: PacedLatency[]
  /** Of all readings, by whom the gateways published to. */
  acknowledged: number
  /** Why the figures do not count; empty where they do. */
  faults: string[]
}

export interface PacedLatency extends Latency {
  /** Of the rate at which it was as fast as it could. */
  share: number
  duePerSecond: number
  committedPerSecond: number
  cores: Cores
}

type Via = 'embedded' | 'mosquitto'

const shares = [0.2, 0.8]
/** How far Mosquitto is kept ahead: some times what it may have in flight to Baywire (BAYWIRE_RECEIVE_MAXIMUM). */
const aheadReadings = 30_000
const consumer = { username: 'baywire', secret: 'baywire-bench' }

export async function openProduct(run: Run, via: Via): Promise<Product> {
  const { database, lifecycle } = run
  const gateways = await provisionFleet(database.url, via)
  const broker =
    via === 'mosquitto'
      ? await lifecycle.start(
          'broker',
          () => startMosquitto({ consumer, gateways }),
          (started) => started?.stop(),
        )
      : undefined
  if (via === 'mosquitto' && broker === undefined) throw new Unavailable('Mosquitto is not installed')
  const baywire = await lifecycle.start(
    'baywire',
    () =>
      startBaywire({
        database,
        instance: `bench-${via}`,
        ...(broker && { mqttUrl: `mqtt://${consumer.username}:${consumer.secret}@127.0.0.1:${broker.port}` }),
      }),
    (started) => started.stop(),
  )
  const load = await startLoad(run, { port: broker?.port ?? baywire.mqttPort, gateways })
  return new Product(run, { via, baywire, broker, load, gateways })
}

interface Parts {
  via: Via
  baywire: Baywire
  broker: Mosquitto | undefined
  load: Load
  gateways: readonly Gateway[]
}

export class Product implements Target {
  readonly #run: Run
  readonly #parts: Parts
  #batches: readonly CommittedBatch[] = []

  constructor(run: Run, parts: Parts) {
    this.#run = run
    this.#parts = parts
  }

  /** Those of the last window. */
  get batches(): readonly CommittedBatch[] {
    return this.#batches
  }

  async measure(): Promise<Window> {
    const { load, broker } = this.#parts
    if (broker !== undefined) {
      return await supplied(load, { taken: this.#taken, ahead: aheadReadings }, () => this.#window())
    }
    await load.ask({ order: 'saturate' })
    const window = await this.#window()
    await drain(load, this.#taken)
    return window
  }

  async finish(windows: readonly Window[]): Promise<ProductFindings> {
    const { load, baywire } = this.#parts
    const latencies: PacedLatency[] = []
    for (const share of shares) {
      const perSecond = Math.round(median(windows.map(({ rate }) => rate)) * share)
      // oxlint-disable-next-line no-await-in-loop -- one load after the other
      latencies.push({ share, ...(await this.#latencyAt(perSecond)) })
    }
    const { acknowledged } = await load.ask({ order: 'tally' })
    await load.close()
    await baywire.stop()
    return { latencies, acknowledged, faults: await this.#faults(acknowledged) }
  }

  readonly #taken = () => this.#run.database.booked(this.#parts.via)

  async #window(): Promise<Window> {
    const { database, warmUpS, seconds } = this.#run
    await pause(warmUpS * 1000)
    let between: [Moment, Moment] | undefined
    const counter = database.committed('readings')
    const window = await watch({
      seconds,
      processes: await this.#processes(),
      counter: {
        mark: counter.mark,
        amount: async (from: Moment, until: Moment) => {
          between = [from, until]
          return await counter.amount(from, until)
        },
      },
    })
    if (between === undefined || window.rate === 0) throw new Error('nothing was committed')
    this.#batches = this.#asCommitted(await database.batches(...between))
    return { ...window, batch: (window.rate * window.seconds) / this.#batches.length }
  }

  async #processes(): Promise<Record<string, Meter>> {
    const { baywire, broker, load } = this.#parts
    return {
      baywire: meterOf(baywire.pid),
      ...(broker && { broker: meterOf(broker.pid) }),
      postgres: await this.#run.database.meter(),
      load: meterOf(load.pid),
    }
  }

  #asCommitted(batches: readonly string[][]): CommittedBatch[] {
    const { BAYWIRE_LANES: lanes } = readConfig({})
    const places = new Map(this.#parts.gateways.map(({ topic }, index) => [topic, index]))
    const placeOf = (topic: string) => {
      const place = places.get(topic)
      if (place === undefined) throw new Error(`no gateway publishes to ${topic}`)
      return place
    }
    return batches.map((topics) => ({ lane: laneOf(topics[0] ?? '', lanes), gateways: topics.map(placeOf) }))
  }

  /** On the embedded broker until the PUBACK, which comes after COMMIT; else until the COMMIT itself. */
  async #latencyAt(perSecond: number): Promise<Omit<PacedLatency, 'share'>> {
    const { database, warmUpS, seconds, onProgress } = this.#run
    const { via, broker, load } = this.#parts
    await database.settle()
    await untilQuiet(onProgress)
    onProgress(`${via}: ${perSecond} readings per second, for the latency`)
    await load.ask({ order: 'pace', perSecond })
    await pause(warmUpS * 1000)
    await load.ask({ order: 'measure' })
    const from = new Date()
    const processes = await this.#processes()
    const { rate, cores } = await watch({ seconds, processes, counter: database.committed('readings') })
    const until = new Date()
    const { p50Ms, p99Ms } = await load.ask({ order: 'finish' })
    await drain(load, this.#taken)
    const latency = broker === undefined ? { p50Ms, p99Ms } : await database.commitLatency({ tenant: via, from, until })
    return { duePerSecond: perSecond, committedPerSecond: rate, cores, ...latency }
  }

  /** A fast wrong thing is no result: what was acknowledged is there, the books balance, and the fold gives the same. */
  async #faults(acknowledged: number): Promise<string[]> {
    const { database, onProgress } = this.#run
    const { via } = this.#parts
    const faults: string[] = []
    const logged = await database.count('readings', via)
    if (logged !== acknowledged) faults.push(`${acknowledged} readings were acknowledged, ${logged} are in the log`)
    onProgress(`${via}: comparing the ledger with the log, folding all inputs again`)
    const ledger = await askBaywire(database, ['ledger', '--tenant', via])
    if (!ledger.ok) faults.push(`the ledger does not agree with the log: ${JSON.stringify(ledger.json)}`)
    const replay = await askBaywire(database, ['replay', '--verify', '--tenant', via])
    if (!replay.ok) faults.push(`replay --verify differs: ${JSON.stringify(replay.json)}`)
    return faults
  }
}
