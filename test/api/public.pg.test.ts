import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problemBody } from '../../src/api/schemas.ts'
import { newId } from '../../src/ids.ts'
import { publicSites } from '../../src/store/public.ts'
import { sites } from '../../src/store/schema/places.ts'
import type { TenantDatabase } from '../../src/store/transactions.ts'
import { apiFixture, insertSite, insertSpace, insertTenant, type ApiFixture } from './fixture.ts'

let fixture: ApiFixture
let slug: string
let tenantId: string

beforeAll(async () => {
  fixture = await apiFixture()
  return () => fixture.drop()
})

beforeEach(async () => {
  slug = `tenant-${newId()}`
  tenantId = await insertTenant(fixture.owner, { slug })
})

const get = (path: string, headers: Record<string, string> = {}) =>
  fixture.app.request(`/api/v1/public/${slug}${path}`, { headers })

async function bodyOf(path: string): Promise<unknown> {
  const response = await get(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
  return await response.json()
}

const pageShape = z.object({ items: z.array(z.looseObject({ code: z.string() })), next: z.string().nullable() })

/** Follows `next` from the first page to the last. */
async function codesOfPages(path: string, limit: number): Promise<string[][]> {
  const pages: string[][] = []
  let next: string | null = ''
  while (next !== null && pages.length < 20) {
    const page = pageShape.parse(await bodyOf(`${path}?limit=${limit}${next === '' ? '' : `&cursor=${next}`}`))
    pages.push(page.items.map(({ code }) => code))
    next = page.next
  }
  return pages
}

/** One space of each kind, and what they are counted as. */
async function mixedSite(): Promise<void> {
  const siteId = await insertSite(fixture.owner, { tenantId, code: 'mixed' })
  const states = [
    { status: 'free', observedAt: '2026-11-20T09:00:00.300Z', updatedAt: '2026-11-20T09:00:00.250Z' },
    { status: 'free' },
    { status: 'unknown', stale: true, observedAt: '2026-11-19T06:00:00Z' },
    { status: 'unknown', occupancy: 'unknown', stale: true, observedAt: '2026-11-16T09:00:00.500Z' },
    { status: 'occupied', occupancy: 'occupied' },
    { status: 'occupied', occupancy: 'occupied', stale: true },
    { status: 'reserved' },
    { status: 'blocked', stale: true },
    { status: 'out_of_service', occupancy: 'unknown', observedAt: null },
  ]
  for (const [n, state] of states.entries()) {
    await insertSpace(fixture.owner, { tenantId, siteId, code: String(n), state })
  }
  await insertSpace(fixture.owner, { tenantId, siteId, code: 'never-heard' })
}

describe('sites', () => {
  it('are listed with their number of spaces', async () => {
    const siteId = await insertSite(fixture.owner, { tenantId, code: 'b', name: 'Beta' })
    await insertSite(fixture.owner, { tenantId, code: 'a', name: 'Alpha' })
    for (const code of ['1', '2']) await insertSpace(fixture.owner, { tenantId, siteId, code })
    expect(await bodyOf('/sites')).toEqual({
      items: [
        { code: 'a', name: 'Alpha', lat: 53.5, lon: 9.9, total: 0 },
        { code: 'b', name: 'Beta', lat: 53.5, lon: 9.9, total: 2 },
      ],
      next: null,
    })
  })

  it('come in pages that leave nothing out and say nothing twice', async () => {
    for (const code of ['E', 'a', 'B', '_', '~1']) await insertSite(fixture.owner, { tenantId, code })
    const pages = await codesOfPages('/sites', 2)
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
    expect(new Set(pages.flat())).toEqual(new Set(['E', 'a', 'B', '_', '~1']))
    expect((await codesOfPages('/sites', 5)).map((page) => page.length)).toEqual([5])
  })

  it('are none for a tenant without any', async () => {
    expect(await bodyOf('/sites')).toEqual({ items: [], next: null })
    expect(await bodyOf('/availability')).toEqual({ as_of: null, sites: [] })
  })
})

describe('spaces', () => {
  it('are listed with their state; one that was never heard is unknown', async () => {
    const siteId = await insertSite(fixture.owner, { tenantId, code: 'main' })
    await insertSpace(fixture.owner, { tenantId, siteId, code: 'A-1', state: { status: 'free' } })
    await insertSpace(fixture.owner, { tenantId, siteId, code: 'A-2' })
    const place = { level: '-1', lat: 53.5, lon: 9.9, features: ['ev', 'disabled'] }
    const heard = { since: '2026-11-20T08:00:00.120Z', observed_at: '2026-11-20T08:30:00.000Z' }
    expect(await bodyOf('/sites/main/spaces')).toEqual({
      items: [
        { code: 'A-1', name: 'Space A-1', status: 'free', occupancy: 'vacant', stale: false, ...heard, ...place },
        {
          code: 'A-2',
          name: 'Space A-2',
          status: 'unknown',
          occupancy: 'unknown',
          stale: false,
          since: null,
          observed_at: null,
          ...place,
        },
      ],
      next: null,
    })
  })

  it('come in pages, a thousand at a time unless asked for fewer', async () => {
    const siteId = await insertSite(fixture.owner, { tenantId, code: 'main' })
    await fixture.owner`
      insert into spaces (tenant_id, id, site_id, code, name)
      select ${tenantId}, gen_random_uuid(), ${siteId}, 'S-' || n, 'space' from generate_series(1, 1001) as n`
    const page = pageShape.parse(await bodyOf('/sites/main/spaces'))
    expect([page.items.length, page.next === null]).toEqual([1000, false])
    const pages = await codesOfPages('/sites/main/spaces', 250)
    expect(pages.map(({ length }) => length)).toEqual([250, 250, 250, 250, 1])
    expect(new Set(pages.flat()).size).toBe(1001)
  })
})

describe('availability', () => {
  const mixed = {
    site: 'mixed',
    total: 10,
    status: { free: 2, occupied: 2, reserved: 1, blocked: 1, out_of_service: 1, unknown: 3 },
    stale: 4,
    free: { known: 2, possible: 5 },
    // Four days, less a quarter of a second.
    oldest_evidence_s: 345_599,
  }

  it('counts each space once, and what is not known as possible only', async () => {
    await mixedSite()
    await insertSite(fixture.owner, { tenantId, code: 'empty' })
    const none = { free: 0, occupied: 0, reserved: 0, blocked: 0, out_of_service: 0, unknown: 0 }
    expect(await bodyOf('/availability')).toEqual({
      as_of: '2026-11-20T09:00:00.250Z',
      sites: [
        { site: 'empty', total: 0, status: none, stale: 0, free: { known: 0, possible: 0 }, oldest_evidence_s: null },
        mixed,
      ],
    })
  })

  it('of one site is as of the same moment as that of all', async () => {
    await mixedSite()
    const siteId = await insertSite(fixture.owner, { tenantId, code: 'newer' })
    const state = { updatedAt: '2026-11-20T09:00:01Z', observedAt: '2026-11-20T09:02:00Z' }
    await insertSpace(fixture.owner, { tenantId, siteId, code: '1', state })
    expect(await bodyOf('/sites/mixed/availability')).toEqual({
      as_of: '2026-11-20T09:00:01.000Z',
      sites: [{ ...mixed, oldest_evidence_s: 345_600 }],
    })
    const newer = { site: 'newer', total: 1, oldest_evidence_s: 0, free: { known: 1, possible: 1 } }
    expect(await bodyOf('/sites/newer/availability')).toMatchObject({ sites: [newer] })
  })

  it('is answered with 304 until something changes', async () => {
    await mixedSite()
    const first = await get('/availability')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]+"$/)
    expect(first.headers.get('cache-control')).toBe('no-cache')
    const again = await get('/availability', { 'If-None-Match': etag })
    expect([again.status, await again.text()]).toEqual([304, ''])
    expect(again.headers.get('access-control-allow-origin')).toBe('*')
    expect(again.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(again.headers.get('cache-control')).toBe('no-cache')
    await fixture.owner`update space_states set updated_at = now() where tenant_id = ${tenantId}`
    const changed = await get('/availability', { 'If-None-Match': etag })
    expect(changed.status).toBe(200)
    expect(changed.headers.get('etag')).not.toBe(etag)
  })
})

async function answerTo(tenant: string, path: string) {
  const response = await fixture.app.request(`/api/v1/public/${tenant}${path}`)
  if (response.status === 200) return { status: 200 }
  const { instance, request_id: _, ...body } = problemBody.parse(await response.json())
  expect(instance).toBe(`/api/v1/public/${tenant}${path}`)
  return { status: response.status, body }
}

/** Never called: it is there for the compiler, which refuses a query outside of a tenant's transaction. */
export function queryOutsideOfTransaction(tenants: TenantDatabase): Promise<unknown> {
  // @ts-expect-error a database is no tenant's transaction
  return publicSites(tenants, { after: undefined, limit: 1 })
}

describe('tenants', () => {
  const paths = ['/sites', '/sites/main/spaces', '/availability', '/sites/main/availability']

  it('that have not opted in are as unknown as those that do not exist', async () => {
    const hidden = `hidden-${newId()}`
    const hiddenId = await insertTenant(fixture.owner, { slug: hidden, open: false })
    await insertSite(fixture.owner, { tenantId: hiddenId, code: 'main' })
    for (const path of paths) {
      const answer = await answerTo(hidden, path)
      expect(answer).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
      expect(answer).toEqual(await answerTo('nobody', path))
    }
    await fixture.owner`update tenants set public = true where id = ${hiddenId}`
    for (const path of paths) expect((await answerTo(hidden, path)).status).toBe(200)
  })

  it('with the same codes never mix, even in a query that forgets its tenant', async () => {
    const other = `other-${newId()}`
    const otherId = await insertTenant(fixture.owner, { slug: other })
    for (const [id, name, status] of [
      [tenantId, 'ours', 'free'],
      [otherId, 'theirs', 'occupied'],
    ] as const) {
      const siteId = await insertSite(fixture.owner, { tenantId: id, code: 'main', name })
      const state = { status, updatedAt: `2026-11-20T0${status === 'free' ? 1 : 2}:00:00Z` }
      await insertSpace(fixture.owner, { tenantId: id, siteId, code: 'A-1', state })
      if (id === otherId) await insertSpace(fixture.owner, { tenantId: id, siteId, code: 'A-2', state })
    }
    expect(await bodyOf('/sites')).toMatchObject({ items: [{ name: 'ours', total: 1 }] })
    expect(await bodyOf('/sites/main/spaces')).toMatchObject({ items: [{ code: 'A-1', status: 'free' }] })
    expect(await bodyOf('/availability')).toMatchObject({
      as_of: '2026-11-20T01:00:00.000Z',
      sites: [{ total: 1, status: { free: 1, occupied: 0 } }],
    })
    const theirs = await fixture.app.request(`/api/v1/public/${other}/sites`)
    expect(await theirs.json()).toMatchObject({ items: [{ name: 'theirs', total: 2 }] })
    // The database sees to it, not the conditions of a query: this one has none.
    const everything = await fixture.tenants.withTenant(tenantId, (tx) => tx.select({ name: sites.name }).from(sites))
    expect(everything).toEqual([{ name: 'ours' }])
    const both = await fixture.owner`select from sites where tenant_id in ${fixture.owner([tenantId, otherId])}`
    expect(both).toHaveLength(2)
  })

  it('do not share sites: one that is not there is unknown', async () => {
    expect((await get('/sites/nowhere/spaces')).status).toBe(404)
    expect((await get('/sites/nowhere/availability')).status).toBe(404)
  })
})

describe('HEAD', () => {
  it('answers as GET does, without the body', async () => {
    await insertSite(fixture.owner, { tenantId, code: 'main' })
    const full = await get('/sites')
    const head = await fixture.app.request(`/api/v1/public/${slug}/sites`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(head.headers.get('etag')).toBe(full.headers.get('etag'))
  })
})
