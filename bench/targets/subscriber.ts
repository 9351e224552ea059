import { setTimeout as pause } from 'node:timers/promises'
import { readConfig } from '../../src/config.ts'
import { Helper } from '../helper.ts'
import { fleetOf } from '../load/fleet.ts'
import { watch } from '../measure.ts'
import { startMosquitto } from '../mosquitto.ts'
import { meterOf } from '../processes.ts'
import { supplied } from '../supply.ts'
import type { SubscriberCount, SubscriberOptions } from './subscriber-client.ts'
import { startLoad, Unavailable, type Run, type Target } from './target.ts'

const consumer = { username: 'subscriber', secret: 'subscriber-bench' }
/** Some times what it has in flight, as for Baywire. */
const aheadReadings = 30_000

/** The ceiling of Mosquitto and mqtt.js: publishers live, a subscriber that only acknowledges, no database. */
export async function openSubscriber(run: Run): Promise<Target> {
  const { lifecycle, warmUpS, seconds } = run
  const gateways = await fleetOf('bench', async (code) => code)
  const broker = await lifecycle.start(
    'broker',
    () => startMosquitto({ consumer, gateways }),
    (started) => started?.stop(),
  )
  if (broker === undefined) throw new Unavailable('Mosquitto is not installed')
  const subscriber = await lifecycle.start(
    'subscriber',
    () => Helper.start<SubscriberOptions | SubscriberCount, number>('targets/subscriber-client.ts'),
    (started) => started.close(),
  )
  await subscriber.ask({
    mqttUrl: `mqtt://${consumer.username}:${consumer.secret}@127.0.0.1:${broker.port}`,
    filter: 'parking/v1/+/gateways/+/readings',
    receiveMaximum: readConfig({}).BAYWIRE_RECEIVE_MAXIMUM,
  })
  const load = await startLoad(run, { port: broker.port, gateways })
  let last = 0
  // It answers one question at a time: the supply asks all the while, and its last answer is at most a poll old.
  const taken = async () => (last = await subscriber.ask({ count: true }))
  const measure = () =>
    supplied(load, { taken, ahead: aheadReadings }, async () => {
      await pause(warmUpS * 1000)
      return await watch({
        seconds,
        processes: {
          subscriber: meterOf(subscriber.pid),
          broker: meterOf(broker.pid),
          postgres: await run.database.meter(),
          load: meterOf(load.pid),
        },
        counter: { mark: async () => last, amount: async (from, until) => until - from },
      })
    })
  return { measure }
}
