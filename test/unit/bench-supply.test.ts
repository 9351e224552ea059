import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { Aedes } from 'aedes'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Helper } from '../../bench/helper.ts'
import { fleetOf, windowReadings } from '../../bench/load/fleet.ts'
import { drain, supplied, type Load } from '../../bench/supply.ts'

/** The load against a broker in this process, which counts what reaches it. */
let aedes: Aedes
let server: Server
let load: Load
let arrived = 0
const times: number[] = []

beforeAll(async () => {
  aedes = await Aedes.createBroker({ maxClientsIdLength: 160 })
  aedes.authorizePublish = (_client, packet, done) => {
    arrived++
    const { readings } = JSON.parse(packet.payload.toString()) as { readings: [{ at: string }] }
    times.push(Date.parse(readings[0].at))
    done(null)
  }
  server = createServer(aedes.handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  load = await Helper.start('load/generator.ts')
  const { port } = server.address() as AddressInfo
  const gateways = await fleetOf('bench', async (code) => code)
  await load.ask({ order: 'connect', port, gateways, window: windowReadings })
})

afterAll(async () => {
  await load.close()
  await new Promise<void>((resolve) => aedes.close(resolve))
  server.close()
})

test('the load stays ahead of a consumer, by no more than it is told to', async () => {
  const before = arrived
  let taken = before
  // It takes half of what has arrived, each time it is asked.
  const take = async () => (taken += Math.ceil((arrived - taken) / 2))
  const most = await supplied(load, { taken: take, ahead: 400 }, async () => {
    await vi.waitUntil(() => taken > before + 1000, { timeout: 20_000 })
    return arrived - taken
  })
  expect(most).toBeLessThanOrEqual(400)
  const { published, acknowledged } = await load.ask({ order: 'tally' })
  expect([published, acknowledged, taken]).toEqual([arrived, arrived, arrived])
})

test('a consumer that waits for readings makes its figures worthless', async () => {
  const before = arrived
  const takesAll = supplied(load, { taken: async () => arrived, ahead: 10 }, async () => {
    await vi.waitUntil(() => arrived > before + 100, { timeout: 20_000 })
  })
  await expect(takesAll).rejects.toThrow('the consumer waited for readings')
})

test('at a pace, each reading says when it was due', async () => {
  times.length = 0
  const from = Date.now()
  await load.ask({ order: 'pace', perSecond: 1000 })
  await vi.waitUntil(() => times.length >= 500, { timeout: 20_000 })
  await drain(load, async () => arrived)
  const until = Date.now()
  // A reading per millisecond, whenever it left: only those that went to one gateway at once share their time.
  const sorted = times.toSorted((a, b) => a - b)
  expect(sorted[0]).toBeGreaterThanOrEqual(from - 1)
  expect(sorted.at(-1)).toBeLessThanOrEqual(until)
  expect((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)).toBeGreaterThanOrEqual(0.9 * times.length)
})
