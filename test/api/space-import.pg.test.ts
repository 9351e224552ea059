import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { makePlaces, placesFixture, withoutRequestId, type Caller, type PlacesFixture } from './places-fixture.ts'

let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterAll(() => fixture.close())

const csv = (lines: readonly string[] | string) => ({
  body: typeof lines === 'string' ? lines : lines.join('\n'),
  headers: { 'Content-Type': 'text/csv' },
})
const geoJson = (collection: unknown) => ({
  body: typeof collection === 'string' ? collection : JSON.stringify(collection),
  headers: { 'Content-Type': 'application/geo+json; charset=utf-8' },
})
const written = (created: number, updated: number, unchanged: number) => ({ created, updated, unchanged })

async function newSite(): Promise<{ owner: Caller; viewer: Caller; siteId: string; tenantId: string; path: string }> {
  const { id: tenantId, owner, viewer } = await fixture.tenant()
  const { siteId } = await makePlaces(owner)
  return { owner, viewer, siteId, tenantId, path: `/spaces/import?site_id=${siteId}` }
}

const fifty = ['space,name,level', ...Array.from({ length: 50 }, (_, n) => `P-${n},Place ${n},0`)]

describe('an import', () => {
  test('of CSV makes what is missing, changes what differs and leaves the rest', async () => {
    const { owner, siteId, path } = await newSite()
    expect(await owner('POST', path, csv(fifty))).toMatchObject({
      status: 200,
      body: { spaces: written(50, 0, 0), zones: written(0, 0, 0), ignored_columns: [], dry_run: false },
    })
    expect((await owner('POST', path, csv(fifty))).body.spaces).toEqual(written(0, 0, 50))
    const more = ['code,zone,lat,lon,features,colour', 'P-0,north,53.5,-3.25,ev;wide,red', 'P-50,north,,,,']
    expect((await owner('POST', path, csv(more))).body).toMatchObject({
      spaces: written(1, 1, 0),
      zones: written(1, 0, 0),
      ignored_columns: ['colour'],
    })
    const { body } = await owner('GET', `/spaces?site_id=${siteId}&code_prefix=P-0`)
    const zones = await owner('GET', `/zones?site_id=${siteId}`)
    expect(body.items).toMatchObject([
      { name: 'Place 0', level: '0', lat: 53.5, lon: -3.25, features: ['ev', 'wide'], zone_id: zones.body.items[0].id },
    ])
    // Whoever read the space before sees that it has changed.
    const changed = await owner('PATCH', `/spaces/${body.items[0].id}`, { json: { name: 'x' }, ifMatch: '"1"' })
    expect(changed.status).toBe(412)
  })

  test('of GeoJSON does the same', async () => {
    const { owner, siteId, path } = await newSite()
    const collection = {
      type: 'FeatureCollection',
      features: [
        {
          type: 'Feature',
          geometry: { type: 'Point', coordinates: [9.9, 53.5, 3] },
          properties: {
            code: 'A',
            name: '=SUM(A1)',
            level: '-1',
            zone: 'n',
            plan_x: 1.5,
            features: ['ev'],
            x: { y: 1 },
          },
        },
        { type: 'Feature', geometry: null, properties: { code: 'B' } },
      ],
    }
    expect((await owner('POST', path, geoJson(collection))).body).toMatchObject({
      spaces: written(2, 0, 0),
      zones: written(1, 0, 0),
      ignored_columns: ['x'],
    })
    expect((await owner('GET', `/spaces?site_id=${siteId}`)).body.items).toMatchObject([
      { code: 'A', name: '=SUM(A1)', level: '-1', lat: 53.5, lon: 9.9, plan_x: 1.5, features: ['ev'] },
      { code: 'B', name: 'B', lat: null },
    ])
    expect((await owner('POST', path, geoJson(collection))).body.spaces).toEqual(written(0, 0, 2))
  })

  test('is done whole or not at all, and says what is wrong where', async () => {
    const { owner, siteId, path } = await newSite()
    const bad = ['space,lat,lon,site', 'a b,1,,main', 'ok,1,2,main', 'ok,91,2,other']
    const refused = await owner('POST', path, csv(bad))
    expect(refused).toMatchObject({ status: 400, body: { type: '/problems/invalid-input' } })
    expect(refused.body.errors).toEqual([
      { path: 'line 2, space', message: '"a b" is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -' },
      { path: 'line 2, lon', message: 'is empty, but lat is not' },
      { path: 'line 4, site', message: 'is not "main"' },
      { path: 'line 4, lat', message: '"91" is no number from -90 to 90' },
      { path: 'line 4, space', message: 'is already in line 3' },
    ])
    const features = [{ type: 'Feature', geometry: { type: 'Polygon' }, properties: { code: 7, name: ['x'] } }]
    expect((await owner('POST', path, geoJson({ type: 'FeatureCollection', features }))).body.errors).toEqual([
      { path: 'feature 1, name', message: 'is of the wrong type' },
      { path: 'feature 1, geometry', message: 'is no Point with longitude and latitude' },
    ])
    expect((await owner('GET', `/spaces?site_id=${siteId}`)).body.items).toEqual([])
  })

  test('of what is no such file is refused', async () => {
    const { owner, path } = await newSite()
    const detailOf = async (options: object) => {
      const { status, body } = await owner('POST', path, options)
      return `${status} ${body.detail}`
    }
    expect(await detailOf(csv(''))).toMatch(/^400 the file: is empty/)
    expect(await detailOf(csv('space'))).toBe('400 the file: has a header and no rows')
    expect(await detailOf(csv('name\nx'))).toMatch(/^400 The file needs one column "space"/)
    expect(await detailOf(csv('space,code\nx,y'))).toMatch(/^400 The file needs one column/)
    expect(await detailOf(csv('space,name,name\nx,y,z'))).toBe('400 the file: has more than one column "name"')
    expect(await detailOf(csv('space,name\nx'))).toMatch(/^400 the file, line 2: has 1 cells/)
    expect(await detailOf(csv('space\n"x'))).toMatch(/^400 the file, line/)
    expect(await detailOf({ ...csv('x'), body: Buffer.from([0x73, 0xff]) })).toBe('400 The file is not UTF-8.')
    expect(await detailOf(geoJson('{'))).toBe('400 The file is no JSON.')
    expect(await detailOf(geoJson('['.repeat(100_000)))).toBe('400 The file is no JSON.')
    expect(await detailOf(geoJson([]))).toBe('400 The file is no GeoJSON FeatureCollection.')
    expect(await detailOf(geoJson({ type: 'FeatureCollection', features: [] }))).toBe('400 The file has no features.')
    expect(await detailOf({ json: {} })).toBe('400 Send the file as text/csv or application/geo+json.')
    expect(await detailOf({ body: 'x', headers: { 'Content-Type': 'multipart/form-data; boundary=x' } })).toMatch(
      /^400/,
    )
    const many = csv(['space', ...Array.from({ length: 10_001 }, (_, n) => `s${n}`)])
    expect(await detailOf(many)).toBe('400 The file has more than 10000 rows.')
    expect(await detailOf(csv(`space\n${'x'.repeat(1_048_576)}`))).toMatch(/^413 /)
    expect((await owner('POST', '/spaces/import', csv(fifty))).status).toBe(400)
  })

  test('tried first leaves nothing behind, not even in the audit log', async () => {
    const { owner, siteId, tenantId, path } = await newSite()
    const tried = await owner('POST', `${path}&dry_run=true`, csv(['space,zone', 'a,z']))
    expect(tried.body).toMatchObject({ spaces: written(1, 0, 0), zones: written(1, 0, 0), dry_run: true })
    expect((await owner('GET', `/spaces?site_id=${siteId}`)).body.items).toEqual([])
    expect((await owner('GET', '/zones')).body.items).toEqual([])
    expect(
      await fixture.baywire.sql`
      SELECT FROM audit_log WHERE tenant_id = ${tenantId} AND action = 'spaces.imported'`,
    ).toHaveLength(0)
  })

  test('may come to several processes at once', async () => {
    const { owner, siteId, path } = await newSite()
    const apps = [1, 2, 3, 4].map(() => fixture.instance({ max: 1 }))
    const answers = await Promise.all(apps.map((app) => owner('POST', path, { ...csv(fifty), app })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(answers.map(({ body }) => body.spaces.created).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 50])
    expect((await owner('GET', `/spaces?site_id=${siteId}`)).body.items).toHaveLength(50)
  })

  test('runs one at a time of a tenant, and two in all', async () => {
    const [{ owner, path }, second, third] = [await newSite(), await newSite(), await newSite()]
    const [first, ...refused] = await Promise.all([
      owner('POST', path, csv(fifty)),
      owner('POST', path, csv(fifty)),
      owner('POST', `${path}&dry_run=true`, csv(fifty)),
    ])
    expect(first?.status).toBe(200)
    for (const { status, headers, body } of refused) {
      expect([status, headers.get('Retry-After')]).toEqual([429, '5'])
      expect(body.detail).toBe('Another import of your tenant is running: one at a time.')
    }
    const sites = [{ owner, path }, second, third]
    const answers = await Promise.all(sites.map((site) => site.owner('POST', site.path, csv(fifty))))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 503])
    expect(answers[2]?.body).toMatchObject({ type: '/problems/busy' })
    expect((await third.owner('POST', third.path, csv(fifty))).status).toBe(200)
    expect((await third.viewer('POST', third.path, csv(fifty))).status).toBe(403)
  })

  test('of ten thousand rows is done', async () => {
    const { owner, path } = await newSite()
    const rows = Array.from({ length: 10_000 }, (_, n) => `S-${n},z${n % 7}`)
    const { body } = await owner('POST', path, csv(['space,zone', ...rows]))
    expect(body).toMatchObject({ spaces: written(10_000, 0, 0), zones: written(7, 0, 0) })
  })

  test("into another tenant's site is as into none", async () => {
    const [ours, theirs] = [await newSite(), await newSite()]
    const foreign = await ours.owner('POST', theirs.path, csv(fifty))
    const missing = await ours.owner('POST', `/spaces/import?site_id=${newId()}`, csv(fifty))
    expect(foreign.status).toBe(404)
    expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing))
    expect((await ours.owner('GET', `/spaces/export?site_id=${theirs.siteId}`)).status).toBe(404)
    expect((await ours.viewer('POST', ours.path, csv(fifty))).status).toBe(403)
    expect((await theirs.owner('GET', '/spaces')).body.items).toEqual([])
  })
})

describe('an export', () => {
  const nasty = [
    { code: '-1', name: '=1+1', level: '-1', lat: -0.0000001, lon: -3.25, features: ['-x', 'ev'] },
    { code: '~a', name: '\'=quoted, "twice"', level: '@home', plan_x: -1.5, plan_y: 1e-9 },
    { code: 'b', name: "'tis", level: '+1', features: [] },
    { code: 'c', name: 'ümläut; | 漢字 👍' },
  ]

  async function nastySite() {
    const site = await newSite()
    for (const json of nasty) {
      // oxlint-disable-next-line no-await-in-loop
      const made = await site.owner('POST', '/spaces', { json: { site_id: site.siteId, ...json } })
      expect(made.status).toBe(201)
    }
    return site
  }

  test('as CSV has no cell that a spreadsheet would run, and can be imported without a change', async () => {
    const { owner, siteId, path } = await nastySite()
    const exported = await owner('GET', `/spaces/export?site_id=${siteId}`)
    expect(exported.status).toBe(200)
    expect(exported.headers.get('Content-Type')).toBe('text/csv; charset=utf-8')
    expect(exported.headers.get('Content-Disposition')).toBe('attachment; filename="spaces-main.csv"')
    expect(exported.text.split('\r\n').toSorted()).toEqual(
      [
        'site,space,name,level,zone,lat,lon,plan_x,plan_y,features',
        "main,'-1,'=1+1,'-1,,-1e-7,-3.25,,,'-x;ev",
        `main,~a,"''=quoted, ""twice""",'@home,,,,-1.5,1e-9,`,
        "main,b,'tis,'+1,,,,,,",
        'main,c,ümläut; | 漢字 👍,,,,,,,',
        '',
      ].toSorted(),
    )
    expect((await owner('POST', path, csv(exported.text))).body.spaces).toEqual(written(0, 0, 4))
  })

  test('as GeoJSON can be imported without a change, and elsewhere', async () => {
    const { owner, siteId, path } = await nastySite()
    const accept = { headers: { Accept: 'application/geo+json' } }
    const exported = await owner('GET', `/spaces/export?site_id=${siteId}`, accept)
    expect(exported.headers.get('Content-Type')).toBe('application/geo+json; charset=utf-8')
    expect(exported.body).toMatchObject({ type: 'FeatureCollection' })
    expect((await owner('POST', path, geoJson(exported.text))).body.spaces).toEqual(written(0, 0, 4))
    const { siteId: elsewhere } = await makePlaces(owner, { site: 'other' })
    await owner('POST', `/spaces/import?site_id=${elsewhere}`, geoJson(exported.text))
    const again = await owner('GET', `/spaces/export?site_id=${elsewhere}`, accept)
    expect(again.body).toEqual(exported.body)
  })
})
