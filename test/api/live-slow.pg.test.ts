import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/program.ts'
import { liveFixture, type LiveFixture } from './live-fixture.ts'

/** Readers that do not read: others do not wait for them, they are cut, and have lost nothing when they come back. */
let fixture: LiveFixture
beforeAll(async () => {
  fixture = await liveFixture()
})
afterAll(() => fixture.close())

/** More than the buffers of the system take for one connection. */
const many = 20_000
/** Who reads is sent something within that time, and so is not taken for one who does not. */
const streams = { stuckMs: 1000, heartbeatMs: 250, replayedEvents: 1_000_000 }

it('one that reads nothing is cut, and goes on where it was', { timeout: 120_000 }, async () => {
  const tenant = await fixture.tenant()
  const { token } = await tenant.person()
  const api = await fixture.process({ streams })
  const stuck = await api.follow(token).live()
  const frozen = await api.converse(token)
  await frozen.subscribe('tenant')
  await eventually('live', () => frozen.of('live').length > 0)
  stuck.response?.pause()
  frozen.socket.pause()
  const reading = await api.follow(token).live()
  for (let n = 0; n < 10; n++) {
    // oxlint-disable-next-line no-await-in-loop -- commit after commit
    await tenant.burst(many / 10)
  }
  await reading.count(many, 60_000)
  const ids = await tenant.ids(api.live)
  expect(reading.ids).toEqual(ids)
  await eventually('only the one that reads is left', () => api.live.streams.size === 1)
  // What had been sent before is still there to be read.
  stuck.response?.resume()
  frozen.socket.resume()
  await stuck.ended()
  await frozen.ended()
  expect(stuck.events.length).toBeLessThan(many)
  const next = api.follow(token, { lastEventId: stuck.lastId })
  await next.count(many - stuck.events.length, 60_000)
  expect([...stuck.ids, ...next.ids]).toEqual(ids)
  expect(frozen.ids.length).toBeLessThan(many)
  const again = await api.converse(token)
  await again.subscribe('tenant', frozen.ids.at(-1))
  await again.count(many - frozen.ids.length, 60_000)
  expect([...frozen.ids, ...again.ids]).toEqual(ids)
  for (const one of [reading, next, again]) one.close()
})

it('one that pauses for less than that goes on by itself, without a gap', { timeout: 120_000 }, async () => {
  const tenant = await fixture.tenant()
  const { token } = await tenant.person()
  const api = await fixture.process({ streams: { ...streams, stuckMs: 60_000 } })
  const pausing = await api.follow(token).live()
  const reading = await api.follow(token).live()
  pausing.response?.pause()
  await tenant.burst(many)
  await reading.count(many, 60_000)
  expect(pausing.events.length).toBeLessThan(many)
  pausing.response?.resume()
  await pausing.count(many, 60_000)
  await tenant.change(3)
  await pausing.count(many + 3)
  expect(pausing.ids).toEqual(await tenant.ids(api.live))
  expect(pausing.of('reset')).toEqual([])
  pausing.close()
  reading.close()
})

it(
  'one that falls behind further than is replayed is cut, and is told so when it comes back',
  { timeout: 120_000 },
  async () => {
    const tenant = await fixture.tenant()
    const { token } = await tenant.person()
    const api = await fixture.process({ streams: { stuckMs: 60_000, replayedEvents: 5000 } })
    const pausing = await api.follow(token).live()
    pausing.response?.pause()
    const reading = await api.follow(token).live()
    for (let n = 0; n < 10; n++) {
      // oxlint-disable no-await-in-loop -- no faster than the other one reads
      await tenant.burst(many / 10)
      await reading.count((n + 1) * (many / 10), 60_000)
      // oxlint-enable no-await-in-loop
    }
    pausing.response?.resume()
    await pausing.ended()
    expect(pausing.events.length).toBeLessThan(many)
    const ids = await tenant.ids(api.live)
    expect(pausing.ids).toEqual(ids.slice(0, pausing.ids.length))
    const next = api.follow(token, { lastEventId: pausing.lastId })
    await eventually('reset', () => next.of('reset').length === 1)
    reading.close()
    next.close()
  },
)
