import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { dropOldReadings } from '../../src/jobs/retention.ts'
import { createLog } from '../../src/log.ts'
import {
  makePlaces,
  placesFixture,
  statusesOf,
  withoutRequestId,
  type PlacesFixture,
  type TestTenant,
} from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterEach(() => fixture.baywire.expectSound())
afterAll(() => fixture.close())

const time = (ms: number) => new Date(ms).toISOString()
const codesOf = ({ body }: { body: { items: { code: string }[] } }) => body.items.map(({ code }) => code)

/** A device of this code stands at the space from now on. */
async function assign(tenant: TestTenant, device: string, spaceId: string): Promise<void> {
  const { sql } = fixture.baywire
  const deviceId = newId()
  await sql`INSERT INTO devices (tenant_id, id, code) VALUES (${tenant.id}, ${deviceId}, ${device})`
  await sql`
    INSERT INTO device_assignments (tenant_id, id, device_id, space_id, assigned_at)
    VALUES (${tenant.id}, ${newId()}, ${deviceId}, ${spaceId}, '-infinity')`
}

async function unassign(tenant: TestTenant): Promise<void> {
  const at = new Date(fixture.baywire.clock.now())
  await fixture.baywire.sql`UPDATE device_assignments SET unassigned_at = ${at} WHERE tenant_id = ${tenant.id}`
}

const deliver = ({ slug }: TestTenant, device: string, reading: object) =>
  fixture.baywire.deliver(`parking/v1/${slug}/devices/${device}/reading`, reading)

describe('spaces', () => {
  test('are made with all that may be left out, read and changed', async () => {
    const { owner } = await fixture.tenant()
    const { siteId } = await makePlaces(owner)
    const bare = await owner('POST', '/spaces', { json: { site_id: siteId, code: '1', name: 'One' } })
    expect(bare).toMatchObject({
      status: 201,
      etag: '"1"',
      body: { site_id: siteId, zone_id: null, level: null, lat: null, features: [], state: { status: 'unknown' } },
    })
    const full = { level: '-1', lat: 53.5, lon: 9.9, plan_x: 1.5, plan_y: -2, features: ['ev', 'wide'] }
    const path = `/spaces/${bare.body.id}`
    const changed = await owner('PATCH', path, { json: full, ifMatch: '"1"' })
    expect(changed).toMatchObject({ status: 200, etag: '"2"', body: { ...full, code: '1', name: 'One' } })
    expect((await owner('GET', path)).body).toEqual(changed.body)
    // A space's site never changes.
    expect(await owner('PATCH', path, { json: { site_id: siteId }, ifMatch: '"2"' })).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'site_id' }] },
    })
    expect((await owner('POST', '/spaces', { json: { site_id: siteId, code: '1', name: 'x' } })).status).toBe(409)
    expect((await owner('POST', '/spaces', { json: { site_id: newId(), code: '2', name: 'x' } })).status).toBe(404)
  })

  test('are listed with their state, by every filter', async () => {
    const tenant = await fixture.tenant()
    const { owner } = tenant
    const { siteId, spaceIds } = await makePlaces(owner, { spaces: ['b2', 'a1', 'b1'] })
    const other = await makePlaces(owner, { site: 'other', spaces: ['a0'] })
    await owner('PATCH', `/spaces/${spaceIds[1]}`, { json: { level: 'roof' }, ifMatch: '"1"' })
    await assign(tenant, 'd', String(spaceIds[0]))
    await deliver(tenant, 'd', { occupied: true, seq: 1, boot: 1 })
    expect(codesOf(await owner('GET', '/spaces'))).toEqual(['b2', 'a1', 'b1', 'a0'])
    expect(codesOf(await owner('GET', `/spaces?site_id=${siteId}`))).toEqual(['a1', 'b1', 'b2'])
    expect(codesOf(await owner('GET', `/spaces?site_id=${siteId}&sort=id`))).toEqual(['b2', 'a1', 'b1'])
    expect(codesOf(await owner('GET', `/spaces?site_id=${other.siteId}`))).toEqual(['a0'])
    expect(codesOf(await owner('GET', '/spaces?code_prefix=b'))).toEqual(['b2', 'b1'])
    expect(codesOf(await owner('GET', '/spaces?level=roof'))).toEqual(['a1'])
    expect(codesOf(await owner('GET', '/spaces?stale=true'))).toEqual([])
    expect(codesOf(await owner('GET', `/spaces?zone_id=${newId()}`))).toEqual([])
    const occupied = await owner('GET', '/spaces?status=occupied')
    expect(occupied.body.items).toMatchObject([{ code: 'b2', state: { status: 'occupied', occupancy: 'occupied' } }])
    const first = await owner('GET', `/spaces?site_id=${siteId}&limit=2`)
    expect(codesOf(first)).toEqual(['a1', 'b1'])
    expect(codesOf(await owner('GET', `/spaces?site_id=${siteId}&limit=2&cursor=${first.body.next}`))).toEqual(['b2'])
    // A cursor is of one order alone.
    expect((await owner('GET', `/spaces?cursor=${first.body.next}`)).status).toBe(400)
  })

  test('say why they show what they show', async () => {
    const tenant = await fixture.tenant()
    const { owner, operator } = tenant
    const { clock } = fixture.baywire
    const { spaceIds } = await makePlaces(owner, { spaces: ['1'] })
    const path = `/spaces/${spaceIds[0]}`
    expect((await owner('GET', path)).body.why).toMatchObject({
      decided_by: 'occupancy',
      because: 'No sensor was ever heard, and silence is never shown as free.',
      evidence: null,
      next_deadline: null,
      last_event: null,
      policy_version: 0,
    })
    await assign(tenant, 'd', String(spaceIds[0]))
    await deliver(tenant, 'd', { occupied: false, seq: 1, boot: 1 })
    const heardAt = clock.now()
    const free = await owner('GET', path)
    expect(free.body).toMatchObject({
      state: { status: 'free', observed_at: time(heardAt) },
      why: {
        decided_by: 'occupancy',
        because: `The newest evidence, of ${time(heardAt)}, confirms that it is vacant.`,
        evidence: { observed_at: time(heardAt), device: 'd' },
        stale_at: time(heardAt + 25 * 3_600_000),
        next_deadline: { deadline: 'sensor_timeout', at: time(heardAt + 25 * 3_600_000) },
        last_event: { kind: 'vacated', rule: 'reading', cause: { type: 'reading' } },
      },
    })
    const endsAt = time(heardAt + 60_000)
    await operator('POST', '/overrides', {
      json: { space_id: spaceIds[0], kind: 'blocked', reason: 'Ice', ends_at: endsAt },
    })
    expect((await owner('GET', path)).body).toMatchObject({
      state: { status: 'blocked', occupancy: 'vacant', override: 'blocked' },
      why: {
        decided_by: 'override',
        because: `It was blocked, until ${endsAt}; an override goes above all else.`,
        override: { kind: 'blocked', reason: 'Ice', ends_at: endsAt },
        last_event: { kind: 'blocked', cause: { type: 'user' } },
      },
    })
    // What is heard is no change of the resource.
    expect((await owner('GET', path)).etag).toBe(free.etag)
  })

  test('of parallel changes with one revision one is made', async () => {
    const { owner } = await fixture.tenant()
    const { spaceIds } = await makePlaces(owner, { spaces: ['1'] })
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        owner('PATCH', `/spaces/${spaceIds[0]}`, { json: { name: `n${n}` }, ifMatch: '"1"' }),
      ),
    )
    expect(statusesOf(answers)).toEqual([200, ...Array.from({ length: 49 }, () => 412)])
  })

  test("another tenant's are as unknown as none", async () => {
    const [ours, theirs] = [await fixture.tenant(), await fixture.tenant()]
    const { siteId, spaceIds } = await makePlaces(theirs.owner, { spaces: ['1'] })
    for (const [method, options] of [
      ['GET', {}],
      ['PATCH', { json: { name: 'x' }, ifMatch: '"1"' }],
      ['DELETE', { ifMatch: '"1"' }],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const foreign = await ours.owner(method, `/spaces/${spaceIds[0]}`, options)
      // oxlint-disable-next-line no-await-in-loop
      const missing = await ours.owner(method, `/spaces/${newId()}`, options)
      expect(foreign.status).toBe(404)
      expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing))
    }
    const [foreign, missing] = await Promise.all(
      [siteId, newId()].map((site_id) => ours.owner('POST', '/spaces', { json: { site_id, code: 'x', name: 'x' } })),
    )
    expect(foreign?.status).toBe(404)
    expect(foreign && withoutRequestId(foreign)).toEqual(missing && withoutRequestId(missing))
    expect((await ours.owner('GET', `/spaces?site_id=${siteId}`)).body.items).toEqual([])
    expect((await theirs.owner('GET', `/spaces/${spaceIds[0]}`)).body.name).toBe('1')
  })
})

describe('a space that is deleted', () => {
  test('goes without a trace where it was never heard of', async () => {
    const { id, owner, viewer } = await fixture.tenant()
    const { siteId, spaceIds } = await makePlaces(owner, { spaces: ['1'] })
    const path = `/spaces/${spaceIds[0]}`
    expect((await viewer('DELETE', path, { ifMatch: '"1"' })).status).toBe(403)
    expect((await owner('DELETE', path)).status).toBe(428)
    expect((await owner('DELETE', path, { ifMatch: '"2"' })).status).toBe(412)
    const answers = await Promise.all([1, 2].map(() => owner('DELETE', path, { ifMatch: '"1"' })))
    expect(statusesOf(answers)).toEqual([204, 404])
    expect(await fixture.baywire.sql`SELECT FROM spaces WHERE tenant_id = ${id}`).toHaveLength(0)
    expect(await fixture.baywire.sql`SELECT FROM space_states WHERE tenant_id = ${id}`).toHaveLength(0)
    expect((await owner('DELETE', `/sites/${siteId}`, { ifMatch: '"1"' })).status).toBe(204)
    expect(await fixture.baywire.sql`SELECT FROM sites WHERE tenant_id = ${id}`).toHaveLength(0)
  })

  test('is refused while a device stands there', async () => {
    const tenant = await fixture.tenant()
    const { spaceIds } = await makePlaces(tenant.owner, { spaces: ['1'] })
    await assign(tenant, 'sensor-7', String(spaceIds[0]))
    expect(await tenant.owner('DELETE', `/spaces/${spaceIds[0]}`, { ifMatch: '"1"' })).toMatchObject({
      status: 409,
      body: { type: '/problems/in-use', detail: 'The device sensor-7 stands there: unassign it first.' },
    })
  })

  test('with a history is nowhere to be seen, and its log is still folded', async () => {
    const tenant = await fixture.tenant()
    const { id, slug, owner } = tenant
    const { sql, clock } = fixture.baywire
    const { siteId, spaceIds } = await makePlaces(owner, { spaces: ['1'] })
    const zone = await owner('POST', '/zones', { json: { site_id: siteId, code: 'z', name: 'z' } })
    await owner('PATCH', `/spaces/${spaceIds[0]}`, { json: { zone_id: zone.body.id }, ifMatch: '"1"' })
    await assign(tenant, 'd', String(spaceIds[0]))
    await deliver(tenant, 'd', { occupied: true, seq: 2, boot: 1 })
    const override = await owner('POST', '/overrides', { json: { space_id: spaceIds[0], kind: 'blocked' } })
    clock.advance(1000)
    await unassign(tenant)
    expect((await owner('DELETE', `/spaces/${spaceIds[0]}`, { ifMatch: '"2"' })).status).toBe(204)

    expect((await owner('GET', `/spaces/${spaceIds[0]}`)).status).toBe(404)
    expect((await owner('GET', '/spaces')).body.items).toEqual([])
    expect((await owner('GET', '/overrides')).body.items).toEqual([])
    expect((await owner('GET', `/overrides/${override.body.id}`)).body.ended_at).not.toBeNull()
    expect((await owner('POST', '/overrides', { json: { space_id: spaceIds[0], kind: 'blocked' } })).status).toBe(404)
    const counts = await fixture.app.request(`/api/v1/public/${slug}/availability`)
    expect(await counts.json()).toMatchObject({ sites: [{ site: 'main', total: 0 }] })
    // A reading from when the device stood there is still taken, into that history.
    await deliver(tenant, 'd', { occupied: false, seq: 1, boot: 1, at: clock.now() - 500_000 })
    const outcomes = await sql`SELECT outcome FROM readings WHERE tenant_id = ${id} ORDER BY received_at`
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['applied', 'late'])

    // Its code is free, its zone empty, and no device can be put there.
    const again = await owner('POST', '/spaces', { json: { site_id: siteId, code: '1', name: 'again' } })
    expect(again).toMatchObject({ status: 201, body: { state: { status: 'unknown' } } })
    expect((await owner('DELETE', `/zones/${zone.body.id}`, { ifMatch: '"1"' })).status).toBe(204)
    await expect(assign(tenant, 'd2', String(spaceIds[0]))).rejects.toThrow('the space was deleted')

    // The site goes the same way.
    await owner('DELETE', `/spaces/${again.body.id}`, { ifMatch: again.etag })
    expect((await owner('DELETE', `/sites/${siteId}`, { ifMatch: '"1"' })).status).toBe(204)
    expect((await owner('GET', '/sites')).body.items).toEqual([])
    expect((await owner('POST', '/spaces', { json: { site_id: siteId, code: '9', name: '9' } })).status).toBe(404)
    expect((await owner('POST', '/sites', { json: { code: 'main', name: 'again' } })).status).toBe(201)
    expect((await fixture.app.request(`/api/v1/public/${slug}/sites/main/spaces`)).status).toBe(200)
  })

  test('and a device that is put there at the same moment: one of them is refused', async () => {
    const tenant = await fixture.tenant()
    const { owner, id } = tenant
    const codes = Array.from({ length: 10 }, (_, n) => `s${n}`)
    const { spaceIds } = await makePlaces(owner, { spaces: codes })
    const outcomes = await Promise.all(
      spaceIds.map(async (spaceId, n) => {
        const [deleting, assigning] = await Promise.all([
          owner('DELETE', `/spaces/${spaceId}`, { ifMatch: '"1"' }),
          assign(tenant, `dev-${n}`, spaceId).then(
            () => true,
            () => false,
          ),
        ])
        return [deleting.status, assigning]
      }),
    )
    for (const outcome of outcomes)
      expect([
        [204, false],
        [409, true],
      ]).toContainEqual(outcome)
    expect(
      await fixture.baywire.sql`
      SELECT FROM device_assignments a LEFT JOIN spaces s ON s.tenant_id = a.tenant_id AND s.id = a.space_id
      WHERE a.tenant_id = ${id} AND (s.id IS NULL OR s.archived_at IS NOT NULL)`,
    ).toHaveLength(0)
  })

  test('is in the way of no retention', async () => {
    const tenant = await fixture.tenant()
    const { sql, clock, system } = fixture.baywire
    const { spaceIds } = await makePlaces(tenant.owner, { spaces: ['1'] })
    await assign(tenant, 'd', String(spaceIds[0]))
    const now = clock.now()
    clock.set(now - 92 * 86_400_000)
    await deliver(tenant, 'd', { occupied: true, seq: 1, boot: 1 })
    clock.set(now)
    await unassign(tenant)
    expect((await tenant.owner('DELETE', `/spaces/${spaceIds[0]}`, { ifMatch: '"1"' })).status).toBe(204)
    const context = { database: system, log: createLog({ level: 'silent' }), signal: new AbortController().signal }
    await dropOldReadings(context, { days: 90 })
    expect(await sql`SELECT FROM readings WHERE tenant_id = ${tenant.id}`).toHaveLength(0)
    expect(await sql`SELECT FROM space_checkpoints WHERE tenant_id = ${tenant.id}`).toHaveLength(1)
  })
})
