import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { makePlaces, placesFixture, statusesOf, withoutRequestId, type PlacesFixture } from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterAll(() => fixture.close())

const harbour = { code: 'harbour', name: ' Harbour ', lat: 53.5, lon: 9.9, timezone: 'Europe/Berlin' }

describe('sites', () => {
  test('are made, read, listed, changed and deleted', async () => {
    const { owner } = await fixture.tenant()
    const made = await owner('POST', '/sites', { json: harbour })
    expect(made).toMatchObject({ status: 201, etag: '"1"', body: { ...harbour, name: 'Harbour' } })
    expect(made.headers.get('Location')).toBe(`/api/v1/sites/${made.body.id}`)
    const path = `/sites/${made.body.id}`
    expect(await owner('GET', path)).toMatchObject({ status: 200, etag: '"1"', body: made.body })
    const changed = await owner('PATCH', path, { json: { name: 'Port', lat: null, lon: null }, ifMatch: '"1"' })
    expect(changed).toMatchObject({ status: 200, etag: '"2"', body: { code: 'harbour', name: 'Port', lat: null } })
    expect((await owner('GET', '/sites')).body).toEqual({ items: [changed.body], next: null })
    expect((await owner('DELETE', path, { ifMatch: '"1"' })).status).toBe(412)
    expect((await owner('DELETE', path, { ifMatch: '"2"' })).status).toBe(204)
    expect((await owner('GET', path)).status).toBe(404)
    expect((await owner('DELETE', path, { ifMatch: '"2"' })).status).toBe(404)
  })

  test('page by code, with a prefix', async () => {
    const { owner } = await fixture.tenant()
    for (const code of ['b1', 'a2', 'a1', 'a3']) await owner('POST', '/sites', { json: { code, name: code } })
    const first = await owner('GET', '/sites?limit=2&code_prefix=a')
    expect(first.body.items.map(({ code }: { code: string }) => code)).toEqual(['a1', 'a2'])
    const second = await owner('GET', `/sites?limit=2&code_prefix=a&cursor=${first.body.next}`)
    expect(second.body).toMatchObject({ items: [{ code: 'a3' }], next: null })
    expect((await owner('GET', '/sites?cursor=nonsense')).status).toBe(400)
    expect((await owner('GET', '/sites?colour=red')).status).toBe(400)
  })

  test('a code is taken once, also by two at once', async () => {
    const { owner } = await fixture.tenant()
    const answers = await Promise.all([1, 2, 3].map(() => owner('POST', '/sites', { json: harbour })))
    expect(statusesOf(answers)).toEqual([201, 409, 409])
    const other = await owner('POST', '/sites', { json: { code: 'b', name: 'b' } })
    const renamed = await owner('PATCH', `/sites/${other.body.id}`, { json: { code: 'harbour' }, ifMatch: other.etag })
    expect(renamed).toMatchObject({ status: 409, body: { type: '/problems/conflict', errors: [{ path: 'code' }] } })
  })

  test('of parallel changes with one revision one is made', async () => {
    const { owner } = await fixture.tenant()
    const made = await owner('POST', '/sites', { json: harbour })
    const path = `/sites/${made.body.id}`
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => owner('PATCH', path, { json: { name: `n${n}` }, ifMatch: '"1"' })),
    )
    const done = answers.filter(({ status }) => status === 200)
    expect(done).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(199)
    expect((await owner('GET', path)).body).toEqual(done[0]?.body)
  })

  test('say what is wrong', async () => {
    const { owner } = await fixture.tenant()
    const refused = async (json: unknown) => {
      const { status, body } = await owner('POST', '/sites', { json })
      return [status, body.errors?.[0]?.path]
    }
    expect(await refused({ ...harbour, code: 'a/b' })).toEqual([400, 'code'])
    expect(await refused({ ...harbour, name: 'a\u0000b' })).toEqual([400, 'name'])
    expect(await refused({ ...harbour, name: 'a\uD800' })).toEqual([400, 'name'])
    expect(await refused({ ...harbour, lat: 91 })).toEqual([400, 'lat'])
    expect(await refused({ code: 'x', name: 'x', lat: 1 })).toEqual([400, 'lon'])
    expect(await refused({ ...harbour, timezone: 'Mars/Olympus' })).toEqual([400, 'timezone'])
    expect(await refused({ ...harbour, id: newId() })).toEqual([400, 'id'])
    expect(await refused('x')).toEqual([400, ''])
    const made = await owner('POST', '/sites', { json: harbour })
    const path = `/sites/${made.body.id}`
    expect((await owner('PATCH', path, { json: {} })).status).toBe(428)
    expect((await owner('PATCH', path, { json: {}, ifMatch: 'W/"1"' })).status).toBe(412)
    expect((await owner('PATCH', path, { json: { revision: 7 }, ifMatch: '"1"' })).status).toBe(400)
  })

  test('that have something are not deleted', async () => {
    const { owner } = await fixture.tenant()
    const { siteId } = await makePlaces(owner, { spaces: ['1', '2'] })
    await owner('POST', '/zones', { json: { site_id: siteId, code: 'z', name: 'z' } })
    const refused = await owner('DELETE', `/sites/${siteId}`, { ifMatch: '"1"' })
    expect(refused).toMatchObject({
      status: 409,
      body: { type: '/problems/in-use', detail: 'The site has 1 zone and 2 spaces: delete them first.' },
    })
  })

  test("another tenant's are as unknown as none", async () => {
    const [ours, theirs] = [await fixture.tenant(), await fixture.tenant()]
    const { body } = await theirs.owner('POST', '/sites', { json: harbour })
    for (const [method, options] of [
      ['GET', {}],
      ['PATCH', { json: { name: 'x' }, ifMatch: '"1"' }],
      ['DELETE', { ifMatch: '"1"' }],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const [foreign, missing] = [
        await ours.owner(method, `/sites/${body.id}`, options),
        await ours.owner(method, `/sites/${newId()}`, options),
      ]
      expect(foreign.status).toBe(404)
      expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing))
    }
    // The same code is free here.
    expect((await ours.owner('POST', '/sites', { json: harbour })).status).toBe(201)
    expect((await ours.owner('GET', '/sites')).body.items).toHaveLength(1)
  })

  test('need the permission, and are audited', async () => {
    const { id, owner, viewer, driver } = await fixture.tenant()
    expect((await viewer('POST', '/sites', { json: harbour })).status).toBe(403)
    const { body } = await owner('POST', '/sites', { json: harbour })
    expect((await driver('GET', `/sites/${body.id}`)).status).toBe(200)
    expect((await viewer('DELETE', `/sites/${body.id}`, { ifMatch: '"1"' })).status).toBe(403)
    expect((await fixture.app.request('/api/v1/sites')).status).toBe(401)
    const entries = await fixture.baywire.sql`
      SELECT action, target_id, detail FROM audit_log WHERE tenant_id = ${id} ORDER BY seq`
    expect([...entries]).toEqual([{ action: 'site.created', target_id: body.id, detail: { code: 'harbour' } }])
  })
})

describe('zones', () => {
  test('belong to a site, and are not deleted while spaces are in them', async () => {
    const { owner } = await fixture.tenant()
    const { siteId, spaceIds } = await makePlaces(owner, { spaces: ['1'] })
    const json = { site_id: siteId, code: 'north', name: 'North' }
    const made = await owner('POST', '/zones', { json })
    expect(made).toMatchObject({ status: 201, body: json, etag: '"1"' })
    expect((await owner('POST', '/zones', { json })).status).toBe(409)
    expect((await owner('POST', '/zones', { json: { ...json, site_id: newId() } })).status).toBe(404)
    const path = `/zones/${made.body.id}`
    const put = await owner('PATCH', `/spaces/${spaceIds[0]}`, { json: { zone_id: made.body.id }, ifMatch: '"1"' })
    expect(put).toMatchObject({ status: 200, body: { zone_id: made.body.id } })
    expect(await owner('DELETE', path, { ifMatch: '"1"' })).toMatchObject({ status: 409 })
    expect((await owner('GET', `/zones?site_id=${siteId}`)).body.items).toEqual([made.body])
    expect((await owner('GET', '/zones?sort=code')).status).toBe(400)
    await owner('PATCH', `/spaces/${spaceIds[0]}`, { json: { zone_id: null }, ifMatch: '"2"' })
    expect((await owner('PATCH', path, { json: { name: 'N' }, ifMatch: '"1"' })).body.name).toBe('N')
    expect((await owner('DELETE', path, { ifMatch: '"2"' })).status).toBe(204)
  })

  test('of another site take no space', async () => {
    const { owner } = await fixture.tenant()
    const { spaceIds } = await makePlaces(owner, { spaces: ['1'] })
    const { siteId: elsewhere } = await makePlaces(owner, { site: 'other' })
    const zone = await owner('POST', '/zones', { json: { site_id: elsewhere, code: 'z', name: 'z' } })
    const [foreign, missing] = [
      await owner('PATCH', `/spaces/${spaceIds[0]}`, { json: { zone_id: zone.body.id }, ifMatch: '"1"' }),
      await owner('PATCH', `/spaces/${spaceIds[0]}`, { json: { zone_id: newId() }, ifMatch: '"1"' }),
    ]
    expect(foreign.status).toBe(404)
    expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing))
  })
})
