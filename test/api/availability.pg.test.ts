import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import { placesFixture, withoutRequestId, type Answer, type PlacesFixture, type TestTenant } from './places-fixture.ts'
import { validating } from './support/validating.ts'

let fixture: PlacesFixture
let tenant: TestTenant
let other: TestTenant
const ids: Record<string, string> = {}

/** About 111 m to the north each. */
const north = (steps: number) => ({ lat: 53.5 + steps / 1000, lon: 10 })

beforeAll(async () => {
  fixture = await placesFixture()
  const { app } = fixture
  app.request = validating(Object.assign(Object.create(app) as Api, { request: app.request }))
  tenant = await fixture.tenant()
  other = await fixture.tenant()
  const site = async (code: string, position: object) =>
    String((await tenant.owner('POST', '/sites', { json: { code, name: code, ...position } })).body.id)
  ids['far'] = await site('far', { lat: 0, lon: 179.99 })
  ids['main'] = await site('main', north(0))
  ids['nowhere'] = await site('nowhere', {})
  const zone = { site_id: ids['main'], code: 'z', name: 'Zone' }
  ids['zone'] = String((await tenant.owner('POST', '/zones', { json: zone })).body.id)
  const space = (siteId: string | undefined, code: string, more: object) =>
    tenant.owner('POST', '/spaces', { json: { site_id: siteId, code, name: code, ...more } })
  await space(ids['main'], 'a', { ...north(3), features: ['charging'], level: '-1', zone_id: ids['zone'] })
  await space(ids['main'], 'b', { ...north(1), features: ['charging', 'accessible'], level: '0' })
  await space(ids['main'], 'c', { ...north(1), features: [], level: '0', zone_id: ids['zone'] })
  await space(ids['main'], 'd', {})
  await space(ids['far'], 'e', { lat: 0, lon: -179.99 })
  await space(ids['nowhere'], 'f', { features: ['charging'] })
  const { sql } = fixture.baywire
  for (const [code, status, occupancy, stale] of [
    ['a', 'free', 'vacant', false],
    ['b', 'unknown', 'vacant', true],
    ['c', 'occupied', 'occupied', false],
  ] as const) {
    await sql`
      UPDATE space_states SET status = ${status}, occupancy = ${occupancy}, stale = ${stale}, version = 1,
        since = '2026-11-20T08:00:00Z', observed_at = '2026-11-20T08:30:00Z', input_seq = 1, updated_at = '2026-11-20T09:00:00Z'
      WHERE tenant_id = ${tenant.id} AND space_id = (SELECT id FROM spaces WHERE tenant_id = ${tenant.id} AND code = ${code})`
  }
})
afterAll(() => fixture.close())

async function publicly(path: string, headers: Record<string, string> = {}) {
  const response = await fixture.app.request(`/api/v1/public/${tenant.slug}${path}`, { headers })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) }
}

interface Item {
  code: string
  site?: string
  distance_m?: number
}
const codes = (body: { items: Item[] }) => body.items.map(({ code }) => code).join('')
const spacesBy = async (query: string) => codes((await publicly(`/spaces?${query}`)).body)

describe('spaces are found', () => {
  test('near a point, the nearest first, with how far; those without a position where their site is', async () => {
    const { body } = await publicly('/spaces?near=53.5,10&radius=400')
    expect(body.items.map(({ code, site, distance_m: metres }: Item) => [site, code, metres])).toEqual([
      ['main', 'd', 0],
      ['main', 'b', 111],
      ['main', 'c', 111],
      ['main', 'a', 334],
    ])
    expect(await spacesBy('near=53.5,10&radius=112')).toBe('dbc')
    expect(await spacesBy('near=53.5,10&radius=111')).toBe('d')
    expect(await spacesBy('near=53.6,10')).toBe('')
    // Over the antimeridian: one of them is 2.2 km from the other.
    expect(await spacesBy('near=0,180&radius=2000')).toBe('e')
  })

  test('in a box, also one over the antimeridian', async () => {
    expect(await spacesBy('box=53.4,9.9,53.5015,10.1')).toBe('bcd')
    expect(await spacesBy('box=-1,179,1,-179')).toBe('e')
    expect(await spacesBy('box=-1,-179,1,179')).toBe('')
    expect(await spacesBy('box=53.4,9.9,53.6,10.1&near=53.503,10')).toBe('abcd')
  })

  test('by features, level, status and what is free', async () => {
    expect(await spacesBy('features=charging')).toBe('abf')
    expect(await spacesBy('features=charging,accessible')).toBe('b')
    expect(await spacesBy('features=nothing-has-this')).toBe('')
    expect(await spacesBy('level=0')).toBe('bc')
    expect(await spacesBy('status=free,occupied')).toBe('ac')
    expect(await spacesBy('free=known')).toBe('a')
    // Silence is never known to be free.
    expect(await spacesBy('free=possible')).toBe('eabdf')
    expect(await spacesBy('free=possible&features=charging&level=-1')).toBe('a')
    expect(codes((await publicly('/sites/main/spaces?features=charging')).body)).toBe('ab')
  })

  test.each(['', 'near=53.5,10&radius=100000'])('page after page, each once: %s', async (query) => {
    const whole = await spacesBy(query)
    let [found, next] = ['', '']
    do {
      const after: string = next === '' ? '' : `&cursor=${next}`
      const { body } = await publicly(`/spaces?${query}&limit=2${after}`.replace('?&', '?'))
      found += codes(body)
      next = body.next
    } while (next !== null)
    expect(found).toBe(whole)
    expect(found.length).toBeGreaterThan(3)
  })

  test('with a cursor of exactly this list and order', async () => {
    const { next } = (await publicly('/spaces?limit=2')).body
    for (const path of ['/spaces?near=53.5,10&', '/sites?', '/sites/main/spaces?', '/sites/main/spaces?near=1,1&']) {
      const answer = await publicly(`${path}cursor=${next}`)
      expect([path, answer.status, answer.body.errors[0].path]).toEqual([path, 400, 'cursor'])
    }
  })

  test.each([
    ['near=91,0', 'near'],
    ['near=53.5', 'near'],
    ['near=53.5,10,3', 'near'],
    ['near=1e1,0', 'near'],
    ['near=NaN,0', 'near'],
    ['near=,', 'near'],
    ['near=0,181', 'near'],
    ['near=0,0&near=1,1', 'near'],
    ['radius=5', 'radius'],
    ['near=0,0&radius=0', 'radius'],
    ['near=0,0&radius=100001', 'radius'],
    ['near=0,0&radius=1.5', 'radius'],
    ['box=2,0,1,1', 'box'],
    ['box=0,0,1', 'box'],
    ['box=0,0,1,180.1', 'box'],
    ['features=', 'features'],
    ['features=a,,b', 'features'],
    [`features=${'a,'.repeat(32)}a`, 'features'],
    ['level=', 'level'],
    ['status=gone', 'status'],
    ['free=maybe', 'free'],
    ['colour=red', 'colour'],
  ])('never by %s', async (query, path) => {
    const answer = await publicly(`/spaces?${query}`)
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([400, path])
  })
})

describe('counts', () => {
  test('of sites near by, with how far; of spaces that fit alone', async () => {
    const near = (await publicly('/availability?near=53.5,10.001')).body
    expect(near.sites).toMatchObject([{ site: 'main', total: 4, free: { known: 1, possible: 3 }, distance_m: 66 }])
    const charging = (await publicly('/availability?features=charging')).body
    expect(charging.sites).toMatchObject([
      { site: 'main', total: 2, status: { free: 1, unknown: 1 }, stale: 1 },
      { site: 'nowhere', total: 1, free: { known: 0, possible: 1 }, oldest_evidence_s: null },
    ])
    expect((await publicly('/sites?near=0,-179.9&radius=100000')).body.items).toMatchObject([{ code: 'far' }])
    expect((await publicly('/sites/main/availability?level=0')).body.sites).toMatchObject([{ total: 2 }])
  })

  test('of the zones of a site', async () => {
    const { body } = await publicly('/sites/main/zones/availability')
    expect(body).toMatchObject({
      as_of: '2026-11-20T09:00:00.000Z',
      zones: [{ zone: 'z', total: 2, free: { known: 1, possible: 1 }, oldest_evidence_s: 1800 }],
    })
    expect((await publicly('/sites/none/zones/availability')).status).toBe(404)
  })
})

describe('maps', () => {
  test('are GeoJSON: longitude first, and no geometry where there is no position', async () => {
    const spaces = await publicly('/sites/main/spaces.geojson')
    expect(spaces.headers.get('content-type')).toBe('application/geo+json')
    expect(spaces.body.type).toBe('FeatureCollection')
    expect(spaces.body.features[0]).toMatchObject({
      type: 'Feature',
      geometry: { type: 'Point', coordinates: [10, 53.503] },
      properties: { site: 'main', code: 'a', status: 'free' },
    })
    expect(spaces.body.features[3].geometry).toBeNull()
    const sites = (await publicly('/sites.geojson?near=53.5,10')).body
    expect(sites.features).toMatchObject([
      { properties: { code: 'main', total: 4, free: { known: 1 }, distance_m: 0 } },
    ])
    const first = (await publicly('/spaces.geojson?limit=4')).body
    const rest = (await publicly(`/spaces.geojson?limit=4&cursor=${first.next}`)).body
    expect([first.features.length, rest.features.length, rest.next]).toEqual([4, 2, null])
  })
})

describe('an answer from memory', () => {
  test('is answered with 304 to who has it, by any of the ways to say so, and HEAD has its length', async () => {
    for (const path of ['/sites', '/availability', '/sites/main/spaces', '/spaces?near=53.5,10', '/sites.geojson']) {
      const { headers, text } = await publicly(path)
      const etag = headers.get('etag') ?? ''
      expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
      for (const asked of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const again = await publicly(path, { 'If-None-Match': asked })
        expect([path, asked, again.status, again.text]).toEqual([path, asked, 304, ''])
        expect(again.headers.get('etag')).toBe(etag)
      }
      expect((await publicly(path, { 'If-None-Match': '"other"' })).status).toBe(200)
      const head = await fixture.app.request(`/api/v1/public/${tenant.slug}${path}`, { method: 'HEAD' })
      expect([head.status, await head.text(), head.headers.get('etag')]).toEqual([200, '', etag])
      expect(head.headers.get('content-length')).toBe(headers.get('content-length'))
    }
  })
})

const get = (path: string, headers = {}): Promise<Answer> => tenant.driver('GET', path, { headers })

describe('to those who are signed in', () => {
  test('counts and spaces say ids and all three facts', async () => {
    const counts = await get('/availability')
    expect(counts.body.sites.map(({ site }: { site: string }) => site)).toEqual(['far', 'main', 'nowhere'])
    expect(counts.body.sites[1]).toMatchObject({ site_id: ids['main'], total: 4, free: { known: 1, possible: 3 } })
    expect(counts.headers.get('cache-control')).toBe('no-store')
    expect((await get('/availability', { 'If-None-Match': counts.etag })).status).toBe(304)
    expect((await get(`/sites/${ids['main']}/availability`)).body.sites).toEqual([counts.body.sites[1]])
    const zone = { zone_id: ids['zone'], zone: 'z', site_id: ids['main'], total: 2 }
    expect((await get(`/zones/${ids['zone']}/availability`)).body.zones).toMatchObject([zone])
    expect((await get(`/sites/${ids['main']}/zones/availability`)).body.zones).toMatchObject([zone])
    const { body } = await get(`/availability/spaces?near=53.5,10&zone_id=${ids['zone']}`)
    expect(body.items).toMatchObject([
      { code: 'c', site: 'main', zone_id: ids['zone'], reservation: 'none', override: 'none', distance_m: 111 },
      { code: 'a', version: 1, distance_m: 334 },
    ])
    expect((await get(`/availability/spaces?site_id=${ids['far']}`)).body.items).toMatchObject([{ code: 'e' }])
    expect((await get(`/availability/spaces.geojson?free=known`)).body.features).toHaveLength(1)
    expect((await get('/availability/sites.geojson')).body.features[2]).toMatchObject({ geometry: null })
  })

  test("another tenant's places are as unknown as none", async () => {
    const missing = '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'
    for (const [path, id] of [
      ['/sites/{id}/availability', ids['main']],
      ['/sites/{id}/zones/availability', ids['main']],
      ['/zones/{id}/availability', ids['zone']],
    ] as const) {
      const ask = async (which = '') => withoutRequestId(await other.owner('GET', path.replace('{id}', which)))
      expect(await ask(id)).toMatchObject({ status: 404 })
      expect(await ask(id)).toEqual(await ask(missing))
    }
    expect((await other.owner('GET', '/availability')).body).toEqual({ as_of: null, sites: [] })
    expect((await other.owner('GET', `/availability/spaces?site_id=${ids['main']}`)).body.items).toEqual([])
  })
})
