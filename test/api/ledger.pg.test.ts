/** The books as people see them, and what the dashboard says needs somebody. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { outcomes } from '../../src/store/books.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { startOperators, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
beforeAll(async () => {
  operators = await startOperators()
})
afterAll(() => operators.close())

const iso = (time: number) => new Date(time).toISOString()
const minuteMs = 60_000
const dayMs = 86_400_000

/** Readings of three minutes, of which the first is two hours back. */
async function scene(): Promise<OperatedTenant & { first: number }> {
  const { baywire } = operators
  const first = Math.floor(Date.now() / minuteMs) * minuteMs - 120 * minuteMs
  baywire.clock.set(first)
  await baywire.system.withSystem((tx) => ensurePartitions(tx, first))
  const city = await operators.tenant(['A1', 'A2'])
  await baywire.deliver(city.topic('A1'), { occupied: true, seq: 1, boot: 1, battery: 12 })
  await baywire.deliver(city.topic('A1'), 'nonsense')
  baywire.clock.set(first + minuteMs)
  await baywire.deliver(city.topic('A2'), { occupied: true, seq: 1, boot: 1, battery: 90 })
  baywire.clock.set(first + 3 * minuteMs)
  await baywire.deliver(city.topic('ghost'), { occupied: true })
  return { ...city, first }
}

test('totals, the balance and a series without holes', async () => {
  const { first, ask } = await scene()
  const { status, body, text } = await ask(
    'GET',
    `/ledger?from=${iso(first + 1000)}&to=${iso(first + 3 * minuteMs + 1)}`,
    {
      role: 'viewer',
    },
  )
  expect(status, text).toBe(200)
  expect(body).toMatchObject({
    from: iso(first),
    to: iso(first + 4 * minuteMs),
    received: 4,
    applied: 2,
    malformed: 1,
    unknown_device: 1,
    late: 0,
    balanced: true,
    imbalance: 0,
    step_s: 60,
    dropped: { received: 0 },
  })
  const received = body.series.map((step: { at: string; received: number }) => [step.at, step.received])
  expect(received).toEqual([2, 1, 0, 1].map((count, n) => [iso(first + n * minuteMs), count]))
})

test('longer periods are told by the hour and by the day, and add up', async () => {
  const { first, ask } = await scene()
  const steps = [
    { days: 0.25, step: 60 },
    { days: 1, step: 3600 },
    { days: 30, step: 86_400 },
  ]
  for (const { days, step } of steps) {
    // oxlint-disable-next-line no-await-in-loop -- three of them
    const { body } = await ask('GET', `/ledger?from=${iso(Date.now() - days * dayMs)}`)
    const sum = (name: string) => body.series.reduce((all: number, one: Record<string, number>) => all + one[name]!, 0)
    expect([body.step_s, body.received, body.balanced]).toEqual([step, 4, true])
    for (const name of ['received', ...outcomes]) expect(sum(name)).toBe(body[name])
    expect(Date.parse(body.series[0].at)).toBe(Date.parse(body.from))
    expect(Date.parse(body.series.at(-1).at)).toBeGreaterThanOrEqual(first - dayMs)
  }
})

test('what was dropped counts, and a difference shows', async () => {
  const { id, first, ask } = await scene()
  const { sql } = operators.baywire
  const day = iso(first - 20 * dayMs).slice(0, 10)
  await sql`insert into ledger_days (tenant_id, day, received, applied) values (${id}, ${day}, 7, 7)`
  const { body } = await ask('GET', `/ledger?from=${day}T00:00:00Z`)
  expect(body).toMatchObject({ received: 11, applied: 9, dropped: { received: 7 }, balanced: true, step_s: 86_400 })
  expect(body.series[0]).toMatchObject({ at: `${day}T00:00:00.000Z`, received: 7 })
  await sql`
    update ledger_entries set received = received + 2, late = late + 2
    where tenant_id = ${id} and minute = ${new Date(first)}`
  expect((await ask('GET', '/ledger')).body).toMatchObject({ received: 6, balanced: false, imbalance: 2 })
})

test('what is refused, and another tenant’s', async () => {
  const { ask } = await scene()
  expect((await ask('GET', '/ledger', { role: 'driver' })).status).toBe(403)
  for (const query of ['since=x', 'from=x', `from=${iso(Date.now())}&to=${iso(Date.now() - 1)}`]) {
    // oxlint-disable-next-line no-await-in-loop -- three of them
    expect((await ask('GET', `/ledger?${query}`)).status).toBe(400)
  }
  const long = await ask('GET', `/ledger?from=${iso(Date.now() - 401 * dayMs)}`)
  expect(long.body.errors).toEqual([{ path: 'from', message: 'must be at most 400 days before to' }])
  const last = await ask('GET', '/ledger?from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59.999Z')
  expect(last).toMatchObject({ status: 200, body: { to: '9999-12-31T23:59:00.000Z', received: 0 } })
  const later = await ask('GET', '/ledger?to=9999-12-31T23:59:59-01:00')
  expect(later.body.errors).toEqual([{ path: 'to', message: 'must be a time from 1970 to 9999' }])
  const other = await operators.tenant()
  expect((await other.ask('GET', '/ledger')).body).toMatchObject({ received: 0, balanced: true })
})

test('the dashboard says what needs somebody', async () => {
  const { id, ask } = await scene()
  const { sql } = operators.baywire
  const attention = async () => (await ask('GET', '/dashboard', { role: 'viewer' })).body.attention
  expect(await attention()).toEqual({
    silent_devices: 0,
    low_batteries: 1,
    dead_letters: 2,
    orphans: 1,
    unassigned_devices: 0,
    offline_gateways: 0,
    books_balanced: true,
  })
  await sql`update space_states set stale = true where tenant_id = ${id}`
  await sql`
    insert into redrive_attempts (tenant_id, reading_id, part, received_at, attempt, redriven_id, attempted_by, started_at,
      ended_at, outcome)
    select tenant_id, id, part, received_at, 1, gen_random_uuid(), 'test', now(), now(), 'applied' from readings
    where tenant_id = ${id} and outcome = 'malformed'`
  await sql`
    insert into ledger_entries (tenant_id, minute, writer, received, late)
    values (${id}, date_trunc('minute', now()), 'nobody', 1, 1)`
  expect(await attention()).toMatchObject({ silent_devices: 2, dead_letters: 1, books_balanced: false })
})
