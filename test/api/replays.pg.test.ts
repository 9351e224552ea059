/** Replays over HTTP: what they come to, that they change nothing, and that nobody else has to wait for them. */
import { setImmediate as turnOfEvents } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DryRuns } from '../../src/administration/replays.ts'
import { newId } from '../../src/ids.ts'
import { Refusal } from '../../src/refusal.ts'
import { ensurePartitions } from '../../src/store/readings.ts'
import { ascending, member, startOperators, type Answer, type OperatedTenant, type Operators } from './operator.ts'

const most = 60
let operators: Operators
beforeAll(async () => {
  operators = await startOperators({ replayedReadings: most })
  operators.baywire.clock.set(Date.now() - 3_600_000)
  await operators.baywire.system.withSystem((tx) => ensurePartitions(tx, operators.baywire.clock.now()))
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())

const iso = (time: number) => new Date(time).toISOString()
const debounced = { debounce: { readings: 2, hold_s: 10 } }
let seq = 0

async function hear(tenant: OperatedTenant, ...readings: readonly (readonly [device: string, occupied: boolean])[]) {
  const { baywire } = operators
  for (const [device, occupied] of readings) {
    baywire.clock.advance(5000)
    const body = { occupied, at: iso(baywire.clock.now()), seq: ++seq, boot: 1 }
    // oxlint-disable-next-line no-await-in-loop -- in this order
    await baywire.deliver(tenant.topic(device), body)
  }
}

const dryRun = (tenant: OperatedTenant, filter: object = {}, policy?: object | null) =>
  tenant.ask('POST', '/replays/dry-run', { body: policy === undefined ? { filter } : { filter, policy } })
const count = (tenant: OperatedTenant, filter: object = {}) =>
  tenant.ask('POST', '/replays/count', { body: { filter } })
const bytes = (answer: Answer) => [answer.status, answer.text.replaceAll(answer.body.request_id, '')]
const readingsOf = (answer: Answer) => answer.body.readings as number

async function scene() {
  const tenant = await operators.tenant(['A1', 'A2'])
  await hear(tenant, ['A1', false], ['A1', true], ['A1', false], ['A2', true])
  return tenant
}

describe('a replay', () => {
  test('comes to what was live', async () => {
    const tenant = await scene()
    const answer = await dryRun(tenant)
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toMatchObject({
      readings: 4,
      spaces: 2,
      changed_outcomes: 0,
      missing_inputs: 0,
      no_shows: null,
      transitions: { recorded: 4, replayed: 4, removed: 0, added: 0 },
      changes: [],
    })
    expect((await dryRun(tenant, {}, null)).text).toBe(answer.text)
  })

  test('under another policy says what would have been seen otherwise', async () => {
    const tenant = await scene()
    const { status, body } = await dryRun(tenant, { device: 'A1' }, debounced)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      readings: 3,
      transitions: { recorded: 3, removed: 2, added: 0 },
      no_shows: { added: [], removed: [], untold: 0 },
      by_space: [{ space: `${tenant.slug}/main/A1`, removed: 2 }],
    })
    expect(body.changes.map(({ change, kind }: { change: string; kind: string }) => [change, kind])).toEqual([
      ['removed', 'vacated'],
      ['removed', 'occupied'],
    ])
  })

  test('takes what all filters choose, of the own tenant alone', async () => {
    const [tenant, other] = [await scene(), await scene()]
    const before = iso(operators.baywire.clock.now() + 1)
    const space = await tenant.spaceId('A1')
    const [site] = await operators.baywire.sql<{ id: string }[]>`select id from sites where tenant_id = ${tenant.id}`
    const filters: [object, number][] = [
      [{}, 4],
      [{ device: 'A2' }, 1],
      [{ space_id: space }, 3],
      [{ site_id: site?.id }, 4],
      [{ site_id: site?.id, space_id: space, outcome: ['applied'] }, 3],
      [{ outcome: ['late', 'duplicate'] }, 0],
      [{ topic: 'parking/v1/+/devices/A2/#' }, 1],
      [{ topic: `parking/v1/${other.slug}/#` }, 0],
      [{ to: before }, 4],
      [{ from: before }, 0],
    ]
    for (const [filter, wanted] of filters) {
      // oxlint-disable-next-line no-await-in-loop -- one at a time of a tenant
      const answer = await count(tenant, filter)
      expect([answer.status, answer.body.readings, answer.body.most], JSON.stringify(filter)).toEqual([
        200,
        wanted,
        most,
      ])
    }
    expect(readingsOf(await dryRun(tenant, { space_id: space }))).toBe(3)
  })

  test('changes nothing, whatever it is asked', async () => {
    const tenant = await scene()
    const { sql } = operators.baywire
    const tables = await sql<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_class c
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1`
    const contents = () =>
      Promise.all(
        tables.map(async ({ name }) => {
          const [row] = await sql`SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) AS all FROM ${sql(name)} t`
          return [name, row]
        }),
      )
    const before = await contents()
    await dryRun(tenant)
    await dryRun(tenant, {}, debounced)
    await count(tenant)
    expect(await contents()).toEqual(before)
  })
})

describe('is refused', () => {
  test('with nothing, or with more than it takes: then it says how many', async () => {
    const tenant = await scene()
    const nothing = await dryRun(tenant, { device: 'nobody' })
    expect(nothing).toMatchObject({ status: 422, body: { errors: [{ path: 'filter' }] } })
    expect(nothing.body.detail).toContain('no reading is chosen')
    await hear(tenant, ...Array.from({ length: most }, (_, index) => ['A1', index % 2 === 0] as const))
    const huge = await dryRun(tenant)
    expect(huge).toMatchObject({ status: 422, body: { type: '/problems/unprocessable', errors: [{ path: 'filter' }] } })
    expect(huge.body.detail).toContain(`${most + 4} readings are chosen, and at most ${most}`)
    expect(readingsOf(await count(tenant))).toBe(most + 4)
    expect((await dryRun(tenant, { device: 'A2' })).status).toBe(200)
  })

  test('with what is wrong, naming the field', async () => {
    const tenant = await operators.tenant(['A1'])
    const cases: [object, string][] = [
      [{ filter: { topic: 'parking/#/x' } }, 'filter.topic'],
      [{ filter: { topic: 'a/b+' } }, 'filter.topic'],
      [{ filter: { from: '2026-11-21T10:00:00Z', to: '2026-11-21T10:00:00Z' } }, 'filter.from'],
      [{ filter: { from: '2026-11-21T11:00:00Z', to: '2026-11-21T10:00:00Z' } }, 'filter.from'],
      [{ filter: { from: 'yesterday' } }, 'filter.from'],
      [{ filter: { outcome: [] } }, 'filter.outcome'],
      [{ filter: { outcome: ['lost'] } }, 'filter.outcome.0'],
      [{ filter: { tenant: 'another' } }, 'filter.tenant'],
      [{ filter: {}, policy: { debounce: { readings: 0, hold_s: 1 } } }, 'policy.debounce.readings'],
      [{ filter: {}, policy: { patience: 1 } }, 'policy.patience'],
      [{}, 'filter'],
    ]
    for (const [body, path] of cases) {
      // oxlint-disable-next-line no-await-in-loop -- one at a time of a tenant
      const answer = await tenant.ask('POST', '/replays/dry-run', { body })
      expect([answer.status, answer.body.errors?.[0]?.path], JSON.stringify(body)).toEqual([400, path])
    }
  })

  test('to whom has no right to the log', async () => {
    const tenant = await scene()
    for (const role of ['viewer', 'driver'] as const) {
      for (const path of ['/replays/dry-run', '/replays/count']) {
        // oxlint-disable-next-line no-await-in-loop -- one at a time of a tenant
        expect((await tenant.ask('POST', path, { role, body: { filter: {} } })).status).toBe(403)
      }
    }
  })

  test("with another tenant's place as with one that there is not", async () => {
    const [tenant, other] = [await scene(), await scene()]
    const theirs = await dryRun(tenant, { space_id: await other.spaceId('A1') })
    const nobodys = await dryRun(tenant, { space_id: newId() })
    expect(theirs.status).toBe(404)
    expect(bytes(theirs)).toEqual(bytes(nobodys))
  })
})

describe('beside others', () => {
  test('one at a time of a tenant, and two in all: the third is told to come again', async () => {
    const tenants = [await scene(), await scene(), await scene()] as const
    const { sql } = operators.baywire
    const running: Promise<Answer>[] = []
    const statuses: number[] = []
    // Whoever folds spaces waits here.
    await sql.begin(async (tx) => {
      await tx`LOCK TABLE space_checkpoints IN ACCESS EXCLUSIVE MODE`
      running.push(dryRun(tenants[0]), dryRun(tenants[1]))
      await turnOfEvents()
      const again = await dryRun(tenants[0])
      const third = await dryRun(tenants[2])
      expect(again).toMatchObject({ status: 429, body: { type: '/problems/too-many-requests' } })
      expect(third).toMatchObject({ status: 503, body: { type: '/problems/busy' } })
      for (const { headers } of [again, third]) expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
    })
    for (const { status } of await Promise.all(running)) statuses.push(status)
    expect(statuses.toSorted(ascending)).toEqual([200, 200])
    expect((await dryRun(tenants[2])).status).toBe(200)
  })

  describe('with a log of some size', () => {
    let tenant: OperatedTenant
    let runs: DryRuns
    const messages = 60
    const perMessage = 200

    beforeAll(async () => {
      const { baywire, tenants } = operators
      const devices = Array.from({ length: perMessage }, (_, index) => `S${index}`)
      tenant = await operators.tenant(devices)
      for (let n = 0; n < messages; n++) {
        baywire.clock.advance(1000)
        const at = iso(baywire.clock.now())
        const readings = devices.map((device) => ({ device, occupied: n % 2 === 0, at, seq: n, boot: 1 }))
        // oxlint-disable-next-line no-await-in-loop -- in order
        await baywire.deliver(`parking/v1/${tenant.slug}/gateways/gw-1/readings`, { readings })
      }
      runs = new DryRuns({ tenants, clock: baywire.clock })
    }, 60_000)

    const actor = () => ({ principal: member(tenant.id, 'operator'), tenantId: tenant.id, requestId: newId() })
    const start = (signal: AbortSignal = new AbortController().signal, of = runs) =>
      of.dryRun(actor(), { filter: {}, policy: undefined, signal })

    test('others are answered while it runs', async () => {
      const state = { running: true }
      const run = start().finally(() => {
        state.running = false
      })
      let answered = 0
      while (state.running) {
        // oxlint-disable no-await-in-loop -- one after the other
        await turnOfEvents()
        const [health, spaces] = [await operators.app.request('/health'), await tenant.ask('GET', '/spaces?limit=1')]
        if (state.running) answered += Number(health.status === 200) + Number(spaces.status === 200)
        // oxlint-enable no-await-in-loop
      }
      expect(await run).toMatchObject({ readings: messages * perMessage, changed_outcomes: 0, missing_inputs: 0 })
      expect(answered).toBeGreaterThan(4)
    })

    test('it ends when whoever asked has gone, and leaves room for the next', async () => {
      const gone = new AbortController()
      const run = start(gone.signal)
      await turnOfEvents()
      gone.abort()
      await expect(run).rejects.toMatchObject({ code: 'busy' })
      expect(await start()).toMatchObject({ readings: messages * perMessage })
    })

    test('it ends when it takes too long, and says so', async () => {
      const { tenants, baywire } = operators
      const short = new DryRuns({ tenants, clock: baywire.clock, longestMs: 1 })
      const refused = await start(undefined, short).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(Refusal)
      expect(refused).toMatchObject({ code: 'unprocessable', errors: [{ path: 'filter' }] })
    })

    test('a part of the log that follows too long a past is refused', async () => {
      const { tenants, baywire } = operators
      const few = new DryRuns({ tenants, clock: baywire.clock, mostReadings: 1000 })
      const filter = { from: baywire.clock.now() - 1500 }
      const refused = await few
        .dryRun(actor(), { filter, policy: undefined, signal: new AbortController().signal })
        .catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'unprocessable' })
      expect(String(refused)).toContain(`${messages * perMessage} inputs`)
    })
  })
})
