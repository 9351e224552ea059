import type { Clock } from '../../clock.ts'
import { describeError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Publisher } from '../../mqtt/publisher.ts'
import { readingsTopic } from '../../mqtt/topics.ts'
import { faultOf, startFault } from './faults.ts'
import type { Demo } from './seed.ts'
import { sensorOf, spareSpace } from './town.ts'

/**
 * The sensors of the demo. Each site has a gateway that speaks for them over MQTT. All say at once what they see;
 * after that cars come and go as the hour of the day has it, sped up so that one can watch, and every sensor says
 * from time to time that nothing changed. A few are faulty, each in its own way.
 */
export interface DemoSensorsOptions {
  demo: Demo
  /** Connects the gateway of a site. */
  connect: (gateway: { tenant: string; code: string; secret: string }) => Promise<Publisher>
  clock: Clock
  /** In [0, 1). */
  random: () => number
  log: Log
}

export interface Sensor {
  readonly device: string
  occupied: boolean
  /** Number of its last reading. */
  seq: number
}

/** What a gateway says of one reading; anything, where a sensor is faulty. */
export type Said = Record<string, unknown>

const changeEveryMs = 300
const heartbeatEveryMs = 500
const firstMessageReadings = 100
/** A broker that is away for long is not flooded afterwards. */
const mostUnacknowledged = 500
const hourMs = 3_600_000
/** How often a car comes although the site is full for the hour, or goes although it is not. */
const contrary = 0.25

export async function runDemoSensors(options: DemoSensorsOptions): Promise<{ stop(): Promise<void> }> {
  const sites = await Promise.all(options.demo.sites.map((site) => startSite(site, options)))
  return {
    async stop() {
      await Promise.all(sites.map((site) => site.stop()))
    },
  }
}

async function startSite(site: Demo['sites'][number], { demo, connect, clock, random, log }: DemoSensorsOptions) {
  const publisher = await connect({ tenant: demo.tenant, ...site.gateway })
  const topic = readingsTopic(demo.tenant, site.gateway.code)
  const boot = Math.floor(clock.now() / 1000)
  const send = (payload: string) => {
    if (publisher.unacknowledged() >= mostUnacknowledged) return
    publisher.publish(topic, payload).catch((error: unknown) => {
      log.debug({ reason: describeError(error) }, 'a reading of the demo was not taken')
    })
  }
  const say = (...readings: Said[]) => send(JSON.stringify({ readings }))
  const read = (sensor: Sensor): Said => {
    sensor.seq++
    return {
      device: sensor.device,
      occupied: sensor.occupied,
      at: new Date(clock.now()).toISOString(),
      seq: sensor.seq,
      boot,
    }
  }
  const taken = () => shareTaken(site.taken, { atMs: clock.now(), timezone: site.site.timezone })
  const sensors = site.spaces
    .filter(({ code }) => code !== spareSpace.code)
    .map((space): Sensor => ({ device: sensorOf(space), occupied: random() < taken(), seq: 0 }))
  const healthy = sensors.filter(({ device }) => faultOf(device) === undefined)
  for (let from = 0; from < healthy.length; from += firstMessageReadings) {
    say(...healthy.slice(from, from + firstMessageReadings).map(read))
  }
  const timers = [
    setInterval(() => {
      const sensor = pickToChange(healthy, { taken: taken(), random })
      if (sensor === undefined) return
      sensor.occupied = !sensor.occupied
      say({ ...read(sensor), kind: 'change' })
    }, changeEveryMs),
    setInterval(() => {
      const sensor = pick(healthy, random)
      if (sensor !== undefined) say({ ...read(sensor), kind: 'heartbeat' })
    }, heartbeatEveryMs),
    ...sensors.flatMap((sensor) => {
      const fault = faultOf(sensor.device)
      return fault === undefined ? [] : (startFault(fault, { sensor, read, say, send, clock }) ?? [])
    }),
  ]
  return {
    async stop() {
      timers.forEach(clearInterval)
      await publisher.abort()
    },
  }
}

/** Towards what is usual at this hour, most of the time. */
function pickToChange(
  sensors: readonly Sensor[],
  { taken, random }: { taken: number; random: () => number },
): Sensor | undefined {
  const occupied = sensors.filter((sensor) => sensor.occupied)
  const tooFull = occupied.length > taken * sensors.length
  const leaves = random() < contrary ? !tooFull : tooFull
  return pick(leaves ? occupied : sensors.filter((sensor) => !sensor.occupied), random)
}

function pick<T>(items: readonly T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)]
}

/** Between two full hours of the local day, in proportion. */
export function shareTaken(curve: readonly number[], { atMs, timezone }: { atMs: number; timezone: string }): number {
  const hour = Number(
    new Intl.DateTimeFormat('en-US', { timeZone: timezone, hour: 'numeric', hourCycle: 'h23' }).format(atMs),
  )
  const into = (atMs % hourMs) / hourMs
  const [before = 0, after = 0] = [curve[hour], curve[(hour + 1) % curve.length]]
  return before + (after - before) * into
}
