import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/ids.ts'
import { RedriveRequests } from '../../src/ingest/redrive-requests.ts'
import { createLog } from '../../src/log.ts'
import { eventually } from '../support/program.ts'
import { ascending, member, startOperators, type OperatedTenant, type Operators } from './operator.ts'

/** Redrives as operators ask for them; how they are done is of test/pg/redrive-requests.pg.test.ts. */
let operators: Operators
let tenant: OperatedTenant

beforeAll(async () => {
  operators = await startOperators()
})
afterEach(() => operators.baywire.expectSound())
afterAll(() => operators.close())
beforeEach(async () => {
  tenant = await operators.tenant([])
})

const ask = (body: unknown, role: 'operator' | 'viewer' = 'operator') => tenant.ask('POST', '/redrives', { body, role })

it('is asked for, done by the ingest role, and read with its report', async () => {
  const { baywire } = operators
  await baywire.deliver(tenant.topic('ghost'), { occupied: true, seq: 1, boot: 1 })
  await baywire.deliver(tenant.topic('other'), { occupied: true, seq: 1, boot: 1 })
  await baywire.tenant(tenant.slug, ['ghost'])
  const filter = { outcome: ['unknown_device'], device: 'ghost', topic: 'parking/v1/+/devices/#' }
  const asked = await ask({ filter, execute: true, expected_letters: 1 })
  expect(asked.status).toBe(202)
  const waiting = {
    id: expect.any(String),
    status: 'waiting',
    filter,
    execute: true,
    force: false,
    expected_letters: 1,
    letters_total: null,
    letters_done: 0,
    report: null,
    reason: null,
    requested_by: expect.stringMatching(/^user:/),
    requested_at: expect.any(String),
    cancel_requested_at: null,
    started_at: null,
    ended_at: null,
  }
  expect(asked.body).toEqual(waiting)
  const path = `/redrives/${asked.body.id}`
  expect(asked.headers.get('Location')).toBe(`/api/v1${path}`)
  expect((await tenant.ask('GET', path)).body).toEqual(asked.body)

  const { system, clock } = baywire
  const requests = new RedriveRequests({
    database: system,
    locks: system,
    clock,
    log: createLog({ level: 'silent' }),
    mostAttempts: 5,
    mostReadingsAtATime: 2000,
    pollMs: 50,
  })
  requests.start()
  const done = await eventually('the redrive ends', async () => {
    const { body } = await tenant.ask('GET', path)
    return body.ended_at !== null && body
  })
  await requests.stop()
  expect(done).toEqual({
    ...waiting,
    status: 'done',
    letters_total: 1,
    letters_done: 1,
    report: { settled: 1, failed: 0, waiting: 0, exhausted: 0, taken: 0, readings: { applied: 1 } },
    started_at: expect.any(String),
    ended_at: expect.any(String),
  })
  const { body: left } = await tenant.ask('GET', '/dead-letters')
  expect(left.items).toMatchObject([{ device: 'other' }])
  const cancelled = await tenant.ask('PUT', `${path}/cancel`)
  expect(cancelled.status).toBe(200)
  expect(cancelled.body).toEqual(done)
  expect((await tenant.audit()).filter(({ action }) => action.startsWith('redrive.'))).toEqual([
    {
      action: 'redrive.requested',
      target_kind: 'redrive',
      target_id: asked.body.id,
      actor_id: expect.any(String),
      detail: { filter, execute: true, force: false, expected_letters: 1 },
    },
  ])
})

describe('asked for', () => {
  it('without a word about it is a dry run of all', async () => {
    const { status, body } = await ask({})
    expect(status).toBe(202)
    expect(body).toMatchObject({ filter: {}, execute: false, force: false, expected_letters: null })
  })

  it.each([
    [{ filter: { outcome: ['late'] } }, 'filter.outcome.0'],
    [{ filter: { outcome: 'malformed' } }, 'filter.outcome'],
    [{ filter: { outcome: [] } }, 'filter.outcome'],
    [{ filter: { topic: 'a/#/b' } }, 'filter.topic'],
    [{ filter: { topic: 'a+/b' } }, 'filter.topic'],
    [{ filter: { topic: '' } }, 'filter.topic'],
    [{ filter: { device: 'a b' } }, 'filter.device'],
    [{ filter: { from: 'yesterday' } }, 'filter.from'],
    [{ filter: { from: '2026-11-21T00:00:00Z', to: '2026-11-21T00:00:00+01:00' } }, 'filter.from'],
    [{ filter: { colour: 'red' } }, 'filter.colour'],
    [{ execute: 'yes' }, 'execute'],
    [{ expected_letters: -1 }, 'expected_letters'],
    [{ tenant: 'other' }, 'tenant'],
  ])('with %j is refused, naming the field', async (body, path) => {
    const answer = await ask(body)
    expect(answer.status).toBe(400)
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path)
    expect((await tenant.ask('GET', '/redrives')).body.items).toEqual([])
  })

  it('by ten at once and one more, the one more is told to come later', async () => {
    const answers = await Promise.all(Array.from({ length: 14 }, () => ask({})))
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([
      ...Array(10).fill(202),
      ...Array(4).fill(429),
    ])
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('Retry-After')).toBe('30')
    const [first] = answers.filter(({ status }) => status === 202)
    await tenant.ask('PUT', `/redrives/${first?.body.id}/cancel`)
    expect((await ask({})).status).toBe(202)
    const other = await operators.tenant([])
    expect((await other.ask('POST', '/redrives', { body: {} })).status).toBe(202)
  })

  it('twice with one Idempotency-Key it is one', async () => {
    const token = operators.signIn(member(tenant.id, 'admin'))
    const key = newId()
    const send = () =>
      operators.app.request('/api/v1/redrives', {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: JSON.stringify({ execute: true }),
      })
    const answers = [await send(), await send()]
    const [one, again] = await Promise.all(answers.map((answer) => answer.json()))
    expect(answers.map(({ status }) => status)).toEqual([202, 202])
    expect(again).toEqual(one)
    expect((await tenant.ask('GET', '/redrives')).body.items).toHaveLength(1)
  })

  it('by whoever may not, it is refused, and a key needs the scope', async () => {
    const { body } = await ask({})
    for (const role of ['viewer', 'driver'] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const answers = await Promise.all([
        tenant.ask('POST', '/redrives', { role, body: {} }),
        tenant.ask('GET', '/redrives', { role }),
        tenant.ask('GET', `/redrives/${body.id}`, { role }),
        tenant.ask('PUT', `/redrives/${body.id}/cancel`, { role }),
      ])
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    }
    const key = (scope: 'readings:read' | 'readings:redrive') =>
      operators.signIn({
        kind: 'api_key',
        apiKeyId: newId(),
        tenant: { id: tenant.id, role: 'owner' },
        scopes: [scope],
      })
    expect((await tenant.ask('POST', '/redrives', { token: key('readings:read'), body: {} })).status).toBe(403)
    const made = await tenant.ask('POST', '/redrives', { token: key('readings:redrive'), body: {} })
    expect(made.body.requested_by).toMatch(/^api_key:/)
    const looking = { ...member(tenant.id, 'admin'), platformAdministrator: true, readOnly: true }
    expect((await tenant.ask('POST', '/redrives', { token: operators.signIn(looking), body: {} })).status).toBe(403)
  })
})

it('lists them, the newest first, page by page and by status', async () => {
  const ids: string[] = []
  for (let n = 0; n < 5; n++) {
    // oxlint-disable-next-line no-await-in-loop
    ids.unshift((await ask({})).body.id)
  }
  await tenant.ask('PUT', `/redrives/${ids[1]}/cancel`)
  const first = await tenant.ask('GET', '/redrives?limit=3')
  const second = await tenant.ask('GET', `/redrives?limit=3&cursor=${first.body.next}`)
  const shown = [...first.body.items, ...second.body.items].map((item: { id: string }) => item.id)
  expect(shown).toEqual(ids)
  expect(second.body.next).toBeNull()
  const failed = await tenant.ask('GET', '/redrives?status=failed')
  expect(failed.body.items).toMatchObject([{ id: ids[1], reason: 'cancelled' }])
  expect((await tenant.ask('GET', '/redrives?status=cancelled')).status).toBe(400)
})

it('is cancelled once, and on record', async () => {
  const { body } = await ask({ execute: true })
  const cancelled = await Promise.all([0, 1].map(() => tenant.ask('PUT', `/redrives/${body.id}/cancel`)))
  expect(cancelled.map(({ status }) => status)).toEqual([200, 200])
  expect(cancelled[1]?.body).toEqual(cancelled[0]?.body)
  expect(cancelled[0]?.body).toMatchObject({ status: 'failed', reason: 'cancelled', started_at: null, report: null })
  const actions = (await tenant.audit()).map(({ action }) => action).filter((action) => action.startsWith('redrive.'))
  expect(actions).toEqual(['redrive.requested', 'redrive.cancelled'])
})

it("another tenant's is there for nobody else", async () => {
  const { body } = await ask({})
  const other = await operators.tenant([])
  const answers = await Promise.all(
    [body.id, newId()].flatMap((id) => [
      other.ask('GET', `/redrives/${id}`),
      other.ask('PUT', `/redrives/${id}/cancel`),
    ]),
  )
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404])
  expect((await other.ask('GET', '/redrives')).body.items).toEqual([])
  expect((await tenant.ask('GET', `/redrives/${body.id}`)).body).toMatchObject({ status: 'waiting' })
})
