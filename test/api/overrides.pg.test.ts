import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { sweepOverrides } from '../../src/jobs/overrides.ts'
import { PolicyCache } from '../../src/store/policies.ts'
import { SpaceMemory } from '../../src/store/space-lock.ts'
import { makePlaces, placesFixture, withoutRequestId, type PlacesFixture, type TestTenant } from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterEach(() => fixture.baywire.expectSound())
afterAll(() => fixture.close())

const sweep = () =>
  sweepOverrides({
    database: fixture.baywire.system,
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    clock: fixture.baywire.clock,
  })

const inMs = (ms: number) => new Date(fixture.baywire.clock.now() + ms).toISOString()

interface Scene extends TestTenant {
  spaceIds: string[]
  state(index?: number): Promise<{ status: string; override: string; since: string }>
  /** Kind, cause and seconds since the scene began. */
  events(): Promise<string[]>
}

async function scene(spaces: readonly string[] = ['1']): Promise<Scene> {
  const tenant = await fixture.tenant()
  const { spaceIds } = await makePlaces(tenant.owner, { spaces })
  const start = fixture.baywire.clock.now()
  return {
    ...tenant,
    spaceIds,
    state: async (index = 0) => (await tenant.owner('GET', `/spaces/${spaceIds[index]}`)).body.state,
    events: async () => {
      const rows = await fixture.baywire.sql`
        SELECT kind, cause, event_time FROM space_events WHERE tenant_id = ${tenant.id} ORDER BY position`
      return rows.map(({ kind, cause, event_time: time }) => `${kind} ${cause.type} ${(time.getTime() - start) / 1000}`)
    },
  }
}

test('an override is in force at once, and ends when somebody ends it', async () => {
  const { id, operator, spaceIds, state, events } = await scene()
  const json = { space_id: spaceIds[0], kind: 'blocked', reason: 'Market day' }
  const made = await operator('POST', '/overrides', { json })
  expect(made).toMatchObject({
    status: 201,
    etag: '"1"',
    body: { ...json, starts_at: inMs(0), ends_at: null, ended_at: null },
  })
  expect(made.headers.get('Location')).toBe(`/api/v1/overrides/${made.body.id}`)
  expect(await state()).toMatchObject({ status: 'blocked', override: 'blocked', since: inMs(0) })
  fixture.baywire.clock.advance(5000)
  const path = `/overrides/${made.body.id}`
  const ended = await operator('POST', `${path}/end`)
  expect(ended).toMatchObject({ status: 200, etag: '"2"', body: { ended_at: inMs(0) } })
  expect(await state()).toMatchObject({ status: 'unknown', override: 'none' })
  fixture.baywire.clock.advance(1000)
  // Again: it stays as it was.
  expect((await operator('POST', `${path}/end`)).body).toEqual(ended.body)
  expect((await operator('DELETE', path, { ifMatch: '"1"' })).status).toBe(412)
  expect((await operator('DELETE', path, { ifMatch: '"2"' })).status).toBe(204)
  expect((await operator('GET', path)).body).toEqual(ended.body)
  expect(await events()).toEqual(['blocked user 0', 'returned_to_service user 5'])
  const entries = await fixture.baywire.sql`
    SELECT action FROM audit_log WHERE tenant_id = ${id} AND action LIKE 'override%' ORDER BY seq`
  expect(entries.map(({ action }) => action)).toEqual(['override.created', 'override.ended'])
})

test('a newer one replaces the one in force', async () => {
  const { operator, spaceIds, state, events } = await scene()
  const of = (kind: string) => ({ json: { space_id: spaceIds[0], kind } })
  const first = await operator('POST', '/overrides', of('blocked'))
  fixture.baywire.clock.advance(1000)
  const second = await operator('POST', '/overrides', of('out_of_service'))
  expect((await operator('GET', `/overrides/${first.body.id}`)).body.ended_at).toBe(second.body.starts_at)
  expect(await state()).toMatchObject({ status: 'out_of_service' })
  // Ending the earlier one again ends nothing.
  await operator('POST', `/overrides/${first.body.id}/end`)
  expect(await state()).toMatchObject({ status: 'out_of_service' })
  const inForce = await operator('GET', `/overrides?in_force=true&space_id=${spaceIds[0]}`)
  expect(inForce.body.items).toEqual([second.body])
  expect((await operator('GET', '/overrides?in_force=false')).body.items).toMatchObject([{ id: first.body.id }])
  expect((await operator('GET', '/overrides?kind=blocked')).body.items).toMatchObject([{ id: first.body.id }])
  expect(await events()).toEqual(['blocked user 0', 'taken_out_of_service user 1'])
})

test('many at once for one space: each replaces another, and one is in force', async () => {
  const { id, operator, spaceIds, state } = await scene()
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      operator('POST', '/overrides', {
        json: { space_id: spaceIds[0], kind: n % 2 === 0 ? 'blocked' : 'out_of_service' },
      }),
    ),
  )
  expect(answers.every(({ status }) => status === 201)).toBe(true)
  const inForce = await fixture.baywire.sql`SELECT kind FROM overrides WHERE tenant_id = ${id} AND ended_at IS NULL`
  expect(inForce).toHaveLength(1)
  expect(await state()).toMatchObject({ override: inForce[0]?.['kind'] })
})

test('one with an end is ended once, at its own time, however late and by however many', async () => {
  const { operator, spaceIds, state, events } = await scene()
  const json = { space_id: spaceIds[0], kind: 'blocked', ends_at: inMs(60_000) }
  const made = await operator('POST', '/overrides', { json })
  fixture.baywire.clock.advance(59_999)
  expect(await sweep()).toBe(0)
  expect(await state()).toMatchObject({ status: 'blocked' })
  // Nothing ran for an hour.
  fixture.baywire.clock.advance(3_600_000)
  const ended = await Promise.all([sweep(), sweep(), sweep(), sweep()])
  expect(ended.reduce((sum, count) => sum + count, 0)).toBe(1)
  expect(await sweep()).toBe(0)
  expect(await state()).toMatchObject({ status: 'unknown', override: 'none' })
  expect((await operator('GET', `/overrides/${made.body.id}`)).body.ended_at).toBe(json.ends_at)
  expect(await events()).toEqual(['blocked user 0', 'returned_to_service timer 60'])
})

test('one whose end has come ends at its own time also where an operator is faster than the sweep', async () => {
  const { operator, spaceIds, state, events } = await scene(['1', '2'])
  const blocked = (index: number) => ({ space_id: spaceIds[index], kind: 'blocked', ends_at: inMs(60_000) })
  const [first, second] = [
    await operator('POST', '/overrides', { json: blocked(0) }),
    await operator('POST', '/overrides', { json: blocked(1) }),
  ]
  fixture.baywire.clock.advance(100_000)
  await operator('POST', '/overrides', { json: { space_id: spaceIds[0], kind: 'out_of_service' } })
  const ended = await operator('POST', `/overrides/${second.body.id}/end`)
  expect(ended.body.ended_at).toBe(second.body.ends_at)
  expect((await operator('GET', `/overrides/${first.body.id}`)).body.ended_at).toBe(first.body.ends_at)
  expect(await state(0)).toMatchObject({ status: 'out_of_service' })
  expect(await state(1)).toMatchObject({ status: 'unknown', override: 'none' })
  expect(await sweep()).toBe(0)
  expect(await events()).toEqual([
    'blocked user 0',
    'blocked user 0',
    'returned_to_service timer 60',
    'taken_out_of_service user 100',
    'returned_to_service timer 60',
  ])
})

test('what ends by itself, by hand and by a newer one at the same moment ends once', async () => {
  const { id, operator, spaceIds, events } = await scene(Array.from({ length: 12 }, (_, n) => `s${n}`))
  const made = await operator('POST', '/overrides/bulk', {
    json: { space_ids: spaceIds, kind: 'blocked', ends_at: inMs(1000) },
  })
  expect(made.body.items).toHaveLength(12)
  fixture.baywire.clock.advance(2000)
  await Promise.all([
    sweep(),
    ...made.body.items.map(({ id: override }: { id: string }) => operator('POST', `/overrides/${override}/end`)),
    sweep(),
    ...spaceIds.map((space_id) => operator('POST', '/overrides', { json: { space_id, kind: 'out_of_service' } })),
    sweep(),
  ])
  const rows = await fixture.baywire.sql`
    SELECT kind, ended_at IS NULL AS open, count(*)::int AS count FROM overrides WHERE tenant_id = ${id} GROUP BY 1, 2`
  expect([...rows]).toEqual(
    expect.arrayContaining([
      { kind: 'blocked', open: false, count: 12 },
      { kind: 'out_of_service', open: true, count: 12 },
    ]),
  )
  const states = await fixture.baywire.sql`SELECT DISTINCT override FROM space_states WHERE tenant_id = ${id}`
  expect([...states]).toEqual([{ override: 'out_of_service' }])
  expect((await events()).filter((event) => event.startsWith('taken_out_of_service'))).toHaveLength(12)
})

test('a sweep that is cut off half-way leaves all as it was', async () => {
  const { operator, spaceIds, state, events } = await scene()
  await operator('POST', '/overrides', { json: { space_id: spaceIds[0], kind: 'blocked', ends_at: inMs(1000) } })
  fixture.baywire.clock.advance(2000)
  const { system } = fixture.baywire
  const cutOff = sweepOverrides({
    database: {
      ...system,
      withSystem: (work) =>
        system.withSystem(async (tx) => {
          await work(tx)
          throw new Error('cut off')
        }),
    },
    memory: { policies: new PolicyCache(), spaces: new SpaceMemory() },
    clock: fixture.baywire.clock,
  })
  await expect(cutOff).rejects.toThrow('cut off')
  expect(await state()).toMatchObject({ status: 'blocked' })
  expect(await sweep()).toBe(1)
  expect(await events()).toEqual(['blocked user 0', 'returned_to_service timer 1'])
})

test('its reason and end can be changed while it is in force', async () => {
  const { operator, spaceIds, state } = await scene()
  const json = { space_id: spaceIds[0], kind: 'blocked', ends_at: inMs(1000) }
  const made = await operator('POST', '/overrides', { json })
  const path = `/overrides/${made.body.id}`
  expect((await operator('PATCH', path, { json: {} })).status).toBe(428)
  const past = await operator('PATCH', path, { json: { ends_at: inMs(0) }, ifMatch: '"1"' })
  expect(past).toMatchObject({ status: 400, body: { errors: [{ path: 'ends_at' }] } })
  const longer = await operator('PATCH', path, { json: { ends_at: null, reason: 'Ice' }, ifMatch: '"1"' })
  expect(longer).toMatchObject({ status: 200, etag: '"2"', body: { ends_at: null, reason: 'Ice' } })
  fixture.baywire.clock.advance(5000)
  expect(await sweep()).toBe(0)
  expect(await state()).toMatchObject({ status: 'blocked' })
  await operator('PATCH', path, { json: { ends_at: inMs(1000) }, ifMatch: '"2"' })
  fixture.baywire.clock.advance(1000)
  expect(await sweep()).toBe(1)
  expect((await operator('PATCH', path, { json: { ends_at: null }, ifMatch: '"3"' })).status).toBe(412)
  expect((await operator('PATCH', path, { json: { ends_at: null }, ifMatch: '"4"' })).status).toBe(409)
})

test('several spaces at once, all of them or none', async () => {
  const codes = Array.from({ length: 30 }, (_, n) => `s${n}`)
  const { id, operator, spaceIds } = await scene(codes)
  const bulk = (space_ids: unknown) => operator('POST', '/overrides/bulk', { json: { space_ids, kind: 'blocked' } })
  expect(await bulk([...spaceIds, newId()])).toMatchObject({
    status: 404,
    body: { errors: [{ path: 'space_ids.30' }] },
  })
  expect(await fixture.baywire.sql`SELECT FROM overrides WHERE tenant_id = ${id}`).toHaveLength(0)
  expect((await bulk([spaceIds[0], spaceIds[0]])).status).toBe(400)
  expect((await bulk([])).status).toBe(400)
  expect((await bulk(Array.from({ length: 501 }, newId))).status).toBe(400)
  const upper = spaceIds.map((spaceId) => spaceId.toUpperCase())
  expect((await bulk(upper)).body.items).toHaveLength(30)
  const blocked = await operator('GET', '/spaces?status=blocked&limit=1000')
  expect(blocked.body.items).toHaveLength(30)
  // Two of these in opposite order do not wait for each other for ever.
  const answers = await Promise.all([bulk(spaceIds), bulk(spaceIds.toReversed()), bulk(spaceIds)])
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
})

test('goes above what sensors say, and lets it through again', async () => {
  const { id, slug, operator, spaceIds, state } = await scene()
  const { sql } = fixture.baywire
  const deviceId = newId()
  await sql`INSERT INTO devices (tenant_id, id, code) VALUES (${id}, ${deviceId}, 'd')`
  await sql`
    INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
    VALUES (${id}, ${newId()}, ${deviceId}, ${String(spaceIds[0])}, '-infinity')`
  const say = (occupied: boolean, seq: number) =>
    fixture.baywire.deliver(`parking/v1/${slug}/devices/d/reading`, { occupied, seq, boot: 1 })
  await say(true, 1)
  const made = await operator('POST', '/overrides', { json: { space_id: spaceIds[0], kind: 'blocked' } })
  fixture.baywire.clock.advance(1000)
  await Promise.all([say(false, 2), operator('POST', `/overrides/${made.body.id}/end`), say(true, 3)])
  expect(await state()).toMatchObject({ status: 'occupied', override: 'none' })
})

test('says what is wrong, and who may', async () => {
  const { viewer, operator, driver, spaceIds } = await scene()
  const json = { space_id: spaceIds[0], kind: 'blocked' }
  expect((await viewer('POST', '/overrides', { json })).status).toBe(403)
  expect((await driver('GET', '/overrides')).status).toBe(200)
  const pathOf = async (wrong: object) =>
    (await operator('POST', '/overrides', { json: { ...json, ...wrong } })).body.errors?.[0]?.path
  expect(await pathOf({ kind: 'none' })).toBe('kind')
  expect(await pathOf({ ends_at: inMs(-1) })).toBe('ends_at')
  expect(await pathOf({ ends_at: 'tomorrow' })).toBe('ends_at')
  expect(await pathOf({ ends_at: 7 })).toBe('ends_at')
  expect(await pathOf({ reason: 'a\nb' })).toBe('reason')
  expect(await pathOf({ created_by: 'me' })).toBe('created_by')
  const theirs = await scene()
  const [foreign, missing] = [
    await operator('POST', '/overrides', { json: { ...json, space_id: theirs.spaceIds[0] } }),
    await operator('POST', '/overrides', { json: { ...json, space_id: newId() } }),
  ]
  expect(foreign.status).toBe(404)
  expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing))
  const made = await theirs.operator('POST', '/overrides', { json: { ...json, space_id: theirs.spaceIds[0] } })
  for (const [method, suffix, options] of [
    ['GET', '', {}],
    ['PATCH', '', { json: {}, ifMatch: '"1"' }],
    ['DELETE', '', { ifMatch: '"1"' }],
    ['POST', '/end', {}],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop
    const [notOurs, none] = [
      await operator(method, `/overrides/${made.body.id}${suffix}`, options),
      await operator(method, `/overrides/${newId()}${suffix}`, options),
    ]
    expect(notOurs.status).toBe(404)
    expect(withoutRequestId(notOurs)).toEqual(withoutRequestId(none))
  }
  expect(await theirs.state()).toMatchObject({ status: 'blocked' })
})
