/** What the door of a process has seen is committed, given up, refused, or in flight: at every moment at which it is read. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'

let baywire: TestIngest
beforeAll(async () => {
  baywire = await startTestIngest()
  await baywire.tenant('door', ['A1'])
})
afterAll(() => baywire.close())

async function sum(name: string): Promise<number> {
  const series = await baywire.metrics.registry.getSingleMetric(name)?.get()
  return (series?.values ?? []).reduce((total, { value }) => total + value, 0)
}

async function door() {
  return {
    seen: await sum('baywire_door_seen_total'),
    committed: await sum('baywire_readings_total'),
    givenUp: await sum('baywire_door_given_up_total'),
    refused: await sum('baywire_door_refused_total'),
    inFlight: await sum('baywire_in_flight'),
  }
}

const reading = (seq: number) => ({ occupied: true, seq, boot: 1 })
const gateway = (count: number) => ({
  readings: Array.from({ length: count }, (_, n) => ({ device: 'A1', ...reading(100 + n) })),
})

test('seen = committed + given up + refused + in flight', async () => {
  const deliveries = [
    baywire.deliver('parking/v1/door/devices/A1/reading', reading(1)),
    baywire.deliver('parking/v1/door/gateways/gw-1/readings', gateway(7)),
    baywire.deliver('parking/v1/door/devices/A1/reading', 'no JSON'),
    baywire.deliver('parking/v1/nobody/gateways/gw-1/readings', gateway(3)),
    baywire.deliver('parking/v1/door/devices/A1/status', 'online'),
  ]
  expect(await door()).toEqual({ seen: 12, committed: 0, givenUp: 0, refused: 0, inFlight: 12 })
  await Promise.all(deliveries)
  expect(await door()).toEqual({ seen: 12, committed: 9, givenUp: 0, refused: 3, inFlight: 0 })
  await baywire.expectSound()

  // Nobody can commit while the log is locked; a stop then gives up what waits behind the batch under way.
  const { waiting, late, stopped } = await baywire.sql.begin(async (tx) => {
    await tx`LOCK TABLE readings IN ACCESS EXCLUSIVE MODE`
    const underWay = baywire.deliver('parking/v1/door/gateways/gw-1/readings', gateway(5))
    await eventually('a batch under way', async () => {
      const rows = await tx`SELECT FROM pg_locks WHERE relation = 'readings'::regclass AND NOT granted`
      return rows.length > 0
    })
    const behind = baywire.deliver('parking/v1/door/gateways/gw-1/readings', gateway(6))
    expect(await door()).toMatchObject({ seen: 23, committed: 9, inFlight: 11 })
    // A door that is closed has waited already.
    baywire.ingest.attach({ hold: () => {}, release: () => {}, close: async () => {} })
    const stopping = baywire.ingest.stop()
    await eventually('a refusal to take more', async () => {
      void baywire.deliver('parking/v1/door/gateways/gw-1/readings', gateway(1))
      return (await door()).givenUp > 0
    })
    return { waiting: underWay, late: behind, stopped: stopping }
  })
  await stopped
  expect([await waiting, await late]).toEqual(['acknowledged', 'given up'])
  const { seen, committed, givenUp, refused, inFlight } = await door()
  expect(inFlight).toBe(0)
  expect(seen).toBe(committed + givenUp + refused)
  await baywire.expectSound()
})
