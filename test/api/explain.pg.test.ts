/** Why a space showed what it showed, what it showed when, and the log of readings, as the API tells them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { setPolicy, stepSpace, sweep } from '../pg/support/space-log.ts'
import { startOperators, type Answer, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
beforeAll(async () => {
  operators = await startOperators()
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())

const iso = (time: number) => new Date(time).toISOString()

interface Scene extends OperatedTenant {
  space: string
  /** A reading of A-17, measured so many ms before now. */
  say(occupied: boolean, options?: { before?: number; seq?: number; duplicate?: boolean }): Promise<number>
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test looks into, it knows
  explain(query?: string): Promise<any>
}

async function scene(): Promise<Scene> {
  const { baywire } = operators
  // What happens here happened within the last day: the API does not look into the future.
  baywire.clock.set(Date.now() - 6 * 3_600_000)
  await baywire.system.withSystem((tx) => ensurePartitions(tx, baywire.clock.now()))
  const tenant = await operators.tenant(['A-17', 'B-1'])
  const space = await tenant.spaceId('A-17')
  let counter = 0
  return {
    ...tenant,
    space,
    async say(occupied, { before = 0, seq = ++counter, duplicate = false } = {}) {
      const at = baywire.clock.now() - before
      await baywire.deliver(tenant.topic('A-17'), { occupied, at: iso(at), seq, boot: 1 }, { duplicate })
      return at
    },
    async explain(query = '') {
      const answer = await tenant.ask('GET', `/spaces/${space}/explain${query}`)
      expect(answer.status, answer.text).toBe(200)
      return answer.body
    },
  }
}

const pass = (ms: number) => operators.baywire.clock.advance(ms)
const now = () => operators.baywire.clock.now()

test('the message that decided, those that did not and why, the rule and the next timer', async () => {
  const { say, explain, topic } = await scene()
  const free = await say(false)
  pass(60_000)
  const taken = await say(true, { seq: 3 })
  pass(5000)
  await say(true, { seq: 3, before: 5000, duplicate: true })
  pass(5000)
  await say(false, { seq: 2, before: 40_000 })
  await operators.baywire.deliver(topic('A-17'), 'what is this')
  pass(5000)
  const told = await explain(`?at=${iso(now())}`)
  expect(told).toMatchObject({
    state: { status: 'occupied', since: iso(taken), observed_at: iso(taken), version: 2 },
    decided_by: 'occupancy',
    event: { kind: 'occupied', rule: 'reading', cause: { type: 'reading' }, recorded_at: iso(taken) },
    evidence: {
      device: 'A-17',
      occupied: true,
      outcome: 'applied',
      clocks: { device: iso(taken), network: null, arrival: iso(taken) },
      clock: 'device',
      payload: { text: JSON.stringify({ occupied: true, at: iso(taken), seq: 3, boot: 1 }) },
    },
    policy: { version: 0, debounce: null },
    next_timer: { timer: 'sensor_timeout', at: iso(taken + 25 * 3_600_000) },
    explainable_from: null,
  })
  expect(told.because).toContain('Device A-17 said occupied')
  const [unreadable, late, again] = told.lost
  expect(unreadable).toMatchObject({ outcome: 'malformed', payload: { text: 'what is this' } })
  expect(late).toMatchObject({ outcome: 'late', older_by_s: 30, than: { id: told.evidence.id, part: 0 } })
  expect(late.why).toContain('30 s older than the newest evidence')
  expect(again).toMatchObject({ outcome: 'duplicate', than: { id: told.evidence.id, part: 0 } })
  expect(told.timeline.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
    'applied',
    'applied',
    'duplicate',
    'late',
    'malformed',
  ])
  expect(await explain(`?at=${iso(taken - 1)}`)).toMatchObject({
    state: { status: 'free', since: iso(free) },
    lost: [],
  })
  expect(await explain(`?at=${iso(free - 1)}`)).toMatchObject({ state: { status: 'unknown' }, evidence: null })
  // By what is known now, it was free 30 s before it was taken.
  expect((await explain(`?at=${iso(taken - 25_000)}&as_known_now=true`)).evidence.outcome).toBe('late')
})

test('what was shown, and what is known now', async () => {
  const { say, explain } = await scene()
  await say(false, { seq: 1 })
  pass(60_000)
  const asked = now()
  pass(120_000)
  await say(true, { seq: 2, before: 150_000 })
  expect(await explain(`?at=${iso(asked)}`)).toMatchObject({ state: { status: 'free' } })
  const known = await explain(`?at=${iso(asked)}&as_known_now=true`)
  expect(known).toMatchObject({ state: { status: 'occupied' }, shown: { status: 'free' }, as_known_now: true })
  expect(known.evidence.clocks.arrival).toBe(iso(now()))
})

test('a change that waits to be confirmed, and one that was confirmed by time', async () => {
  const { id, say, explain } = await scene()
  await setPolicy(operators.baywire, { tenantId: id, fields: { debounce: { readings: 3, hold_s: 60 } } })
  const first = await say(true)
  pass(10_000)
  await say(true)
  const waiting = await explain(`?at=${iso(now())}`)
  expect(waiting).toMatchObject({
    state: { status: 'unknown' },
    waiting: { occupancy: 'occupied', since: iso(first), readings: 2, of: 3, confirm_at: iso(first + 60_000) },
    next_timer: { timer: 'debounce_hold', at: iso(first + 60_000) },
    policy: { version: 1, debounce: { readings: 3, hold_s: 60 } },
  })
  expect(waiting.lost.map(({ why }: { why: string }) => why.slice(0, 44))).toEqual([
    'not enough to change it: 2 of 3 readings, an',
    'not enough to change it: 1 of 3 readings, an',
  ])
  pass(60_000)
  await sweep(operators.baywire)
  expect(await explain()).toMatchObject({
    state: { status: 'occupied', since: iso(first) },
    event: { rule: 'debounce_hold' },
    evidence: { clocks: { device: iso(first) }, outcome: 'debouncing' },
    waiting: null,
  })
})

test('overrides and reservations go above evidence', async () => {
  const { id, space, say, explain, ask } = await scene()
  await say(false)
  pass(1000)
  const reservation = newId()
  const key = { tenantId: id, spaceId: space }
  await stepSpace(operators.baywire, key, { kind: 'reservation', phase: 'started', reservation, at: now() })
  expect(await explain()).toMatchObject({ decided_by: 'reservation', state: { status: 'reserved' } })
  const reason = 'Market day'
  const made = await ask('POST', '/overrides', { body: { space_id: space, kind: 'blocked', reason } })
  expect(made.status, made.text).toBe(201)
  const told = await explain()
  expect(told).toMatchObject({ decided_by: 'override', state: { status: 'blocked' }, override: { reason } })
  expect(told.because).toContain('An operator had blocked it (Market day)')
  expect(told.timeline.map(({ input }: { input: string }) => input)).toEqual(['reading', 'reservation', 'override'])
})

test('a space that nobody has spoken of', async () => {
  const { ask, spaceId, explain } = await scene()
  expect(await explain()).toMatchObject({ state: { status: 'unknown' }, evidence: null, lost: [], timeline: [] })
  const other = await ask('GET', `/spaces/${await spaceId('B-1')}/history`)
  expect(other.body).toEqual({ items: [], next: null, before: null })
})

test('wrong questions are refused, and who may not ask', async () => {
  const { ask, space } = await scene()
  const stranger = await scene()
  const path = `/spaces/${space}`
  for (const [wrong, field] of [
    [`${path}/explain?at=yesterday`, 'at'],
    [`${path}/explain?at=2999-01-01T00:00:00Z`, 'at'],
    [`${path}/explain?when=now`, 'when'],
    [`${path}/history?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`, 'from'],
    [`${path}/history?cursor=abc`, 'cursor'],
    ['/readings?topic=a%2F%23%2Fb', 'topic'],
    ['/readings?outcome=lost', 'outcome.0'],
    ['/readings?limit=0', 'limit'],
    ['/readings?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z', 'from'],
    [`/readings?cursor=${Buffer.from('readings:1.2.3').toString('base64url')}`, 'cursor'],
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- for what fails to be named
    const answer = await ask('GET', String(wrong))
    expect({ wrong, status: answer.status, path: answer.body.errors?.[0]?.path }).toEqual({
      wrong,
      status: 400,
      path: field,
    })
  }
  for (const what of ['explain', 'history']) {
    // oxlint-disable-next-line no-await-in-loop
    const [theirs, none] = await Promise.all([
      stranger.ask('GET', `${path}/${what}`),
      stranger.ask('GET', `/spaces/${newId()}/${what}`),
    ])
    expect([theirs.status, none.status]).toEqual([404, 404])
  }
  expect((await stranger.ask('GET', `/readings?space_id=${space}`)).body).toEqual({ items: [], next: null })
  expect((await ask('GET', `${path}/explain`, { role: 'viewer' })).status).toBe(403)
  expect((await ask('GET', '/readings', { role: 'driver' })).status).toBe(403)
  expect((await ask('GET', `${path}/history`, { role: 'viewer' })).status).toBe(200)
})

test('history goes from change to change, page by page', async () => {
  const { say, ask, space } = await scene()
  const times: number[] = []
  for (let n = 0; n < 7; n++) {
    // oxlint-disable-next-line no-await-in-loop -- in order
    times.push(await say(n % 2 === 0))
    pass(1000)
  }
  const path = `/spaces/${space}/history`
  const all = await ask('GET', path)
  expect(all.body.items.map(({ recorded_at: at }: { recorded_at: string }) => at)).toEqual(times.map(iso))
  expect(all.body).toMatchObject({ next: null, before: null })
  const paged: unknown[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null; page++) {
    const query: string = `${path}?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`
    // oxlint-disable-next-line no-await-in-loop
    const { body } = await ask('GET', query)
    expect(body.before).toEqual(paged.at(-1) ?? null)
    paged.push(...body.items)
    cursor = body.next
  }
  expect(paged).toEqual(all.body.items)
  const part = await ask('GET', `${path}?from=${iso(times[2] ?? 0)}&to=${iso(times[4] ?? 0)}`)
  expect(part.body.items).toEqual(all.body.items.slice(2, 4))
  expect(part.body.before).toEqual(all.body.items[1])
  const later = await ask('GET', `${path}?from=${iso((times[6] ?? 0) + 1)}`)
  expect(later.body).toEqual({ items: [], next: null, before: all.body.items[6] })
})

async function messages() {
  const made = await scene()
  const { say, topic, slug } = made
  await say(true)
  pass(1000)
  await say(true, { seq: 1, before: 1000, duplicate: true })
  await operators.baywire.deliver(topic('A-17'), Buffer.from([0xff, 0xfe]))
  await operators.baywire.deliver(topic('NOBODY'), { occupied: true })
  pass(1000)
  const readings = [
    { device: 'B-1', occupied: true },
    { device: 'A-17', occupied: false, seq: 2, boot: 1, at: iso(now()) },
  ]
  await operators.baywire.deliver(`parking/v1/${slug}/gateways/gw-1/readings`, { readings })
  return made
}
const outcomes = ({ body }: Answer) =>
  body.items.map(({ outcome, device }: { outcome: string; device: string | null }) => `${device} ${outcome}`)

describe('the log of readings', () => {
  test('is found by topic filter, device, space and outcome', async () => {
    const { ask, space, slug } = await messages()
    const found = async (query: string) => outcomes(await ask('GET', `/readings?${query}`)).toSorted()
    expect(await found('')).toHaveLength(6)
    expect(await found(`topic=${encodeURIComponent(`parking/v1/${slug}/devices/+/reading`)}`)).toHaveLength(4)
    expect(await found(`topic=${encodeURIComponent(`parking/v1/${slug}/gateways/#`)}`)).toHaveLength(2)
    expect(await found(`topic=${encodeURIComponent('parking/v1/(.*)')}`)).toEqual([])
    expect(await found('device=A-17')).toEqual(['A-17 applied', 'A-17 applied', 'A-17 duplicate', 'A-17 malformed'])
    expect(await found('device=NOBODY')).toEqual(['NOBODY unknown_device'])
    expect(await found('device=NEVER')).toEqual([])
    expect(await found(`space_id=${space}`)).toEqual(['A-17 applied', 'A-17 applied'])
    expect(await found('outcome=malformed,unknown_device')).toEqual(['A-17 malformed', 'NOBODY unknown_device'])
    expect(await found('outcome=duplicate,malformed&device=A-17')).toEqual(['A-17 duplicate', 'A-17 malformed'])
    expect(await found(`to=${iso(now())}`)).toHaveLength(4)
    expect(await found(`from=${iso(now())}`)).toHaveLength(2)
  })

  test('has payloads as text and as bytes, and goes page by page, the newest first', async () => {
    const { ask } = await messages()
    const all = await ask('GET', '/readings')
    const [malformed] = all.body.items.filter(({ outcome }: { outcome: string }) => outcome === 'malformed')
    expect(malformed).toMatchObject({ payload: { bytes: 2, text: null, hex: 'fffe' }, space_id: null })
    const paged: unknown[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const query: string = `/readings?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`
      // oxlint-disable-next-line no-await-in-loop
      const { body } = await ask('GET', query)
      expect(body.items.length).toBeLessThanOrEqual(2)
      paged.push(...body.items)
      cursor = body.next
    }
    expect(paged).toEqual(all.body.items)
    const arrivals = all.body.items.map(({ clocks }: { clocks: { arrival: string } }) => clocks.arrival)
    expect(arrivals).toEqual(arrivals.toSorted().toReversed())
  })
})
