import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '../../src/auth/permissions.ts'
import { startOperators, type Answer, type OperatedTenant, type Operators } from './operator.ts'

/** Parking sessions as they are listed: per space, site and day. */
let operators: Operators
beforeAll(async () => {
  operators = await startOperators()
})
afterAll(() => operators.close())

const path = '/parking-sessions'
const hourMs = 3_600_000

/** A tenant with sessions as rows: `space from to`, times without date and zone within 2026-10. */
async function tenantWith(
  sessions: readonly (readonly [string, string, string | null])[],
  { timezone = 'UTC', devices = ['A1', 'A2'] } = {},
): Promise<OperatedTenant> {
  const tenant = await operators.tenant(devices)
  const { sql } = operators.baywire
  await sql`UPDATE sites SET timezone = ${timezone} WHERE tenant_id = ${tenant.id}`
  for (const [space, from, to] of sessions) {
    // oxlint-disable-next-line no-await-in-loop -- a few
    await sql`
      INSERT INTO parking_sessions (tenant_id, space_id, started_at, ended_at, uncertain)
      SELECT ${tenant.id}, id, ${from}::timestamptz, ${to}::timestamptz, false FROM spaces
      WHERE tenant_id = ${tenant.id} AND code = ${space}`
    // oxlint-disable-next-line no-await-in-loop
    if (to === null)
      await sql`
      UPDATE space_states SET session_started_at = ${from}::timestamptz
      WHERE tenant_id = ${tenant.id} AND space_id = (SELECT id FROM spaces WHERE tenant_id = ${tenant.id} AND code = ${space})`
  }
  return tenant
}

const shown = ({ body }: Answer): string[] =>
  body.items.map((item: { space: string; started_at: string; ended_at: string | null }) => {
    return `${item.space} ${item.started_at.slice(5, 16)} ${item.ended_at?.slice(5, 16) ?? '-'}`
  })
const ask = async (tenant: OperatedTenant, query: string, base = path) => {
  const answer = await tenant.ask('GET', `${base}?${query}`)
  expect(answer.status, answer.text).toBe(200)
  return shown(answer)
}

describe('a session', () => {
  it('follows from readings, and is corrected by one that comes late', async () => {
    const tenant = await operators.tenant(['A1'])
    const begin = operators.baywire.clock.now() - 2 * hourMs
    const say = (minutes: number, occupied: boolean, seq: number) =>
      operators.baywire.deliver(tenant.topic('A1'), {
        occupied,
        seq,
        boot: 1,
        at: new Date(begin + minutes * 60_000).toISOString(),
      })
    const at = (minutes: number) => new Date(begin + minutes * 60_000).toISOString()
    await say(0, true, 1)
    await say(30, false, 4)
    const space_id = await tenant.spaceId('A1')
    const { body } = await tenant.ask('GET', path)
    expect(body).toEqual({
      items: [
        {
          space_id,
          space: 'A1',
          site_id: expect.any(String),
          site: 'main',
          started_at: at(0),
          ended_at: at(30),
          uncertain: false,
          duration_s: 1800,
        },
      ],
      next: null,
    })
    await say(20, true, 3)
    await say(10, false, 2)
    const corrected = await tenant.ask('GET', `/spaces/${space_id}/parking-sessions`)
    expect(corrected.body.items).toMatchObject([
      { started_at: at(0), ended_at: at(10), duration_s: 600 },
      { started_at: at(20), ended_at: at(30), duration_s: 600 },
    ])
    await say(40, true, 5)
    const open = await tenant.ask('GET', `${path}?open=true`)
    expect(open.body.items).toMatchObject([{ started_at: at(40), ended_at: null, duration_s: null }])
  })

  it('stays where its space is gone', async () => {
    const tenant = await tenantWith([['A1', '2026-10-20T08:00Z', '2026-10-20T09:00Z']])
    await operators.baywire.sql`UPDATE spaces SET archived_at = now() WHERE tenant_id = ${tenant.id}`
    expect(await ask(tenant, '')).toEqual(['A1 10-20T08:00 10-20T09:00'])
  })
})

const stays = [
  ['A1', '2026-10-19T20:00Z', '2026-10-20T00:00Z'],
  ['A1', '2026-10-20T00:00Z', '2026-10-20T09:00Z'],
  ['A2', '2026-10-18T00:00Z', '2026-10-20T08:00Z'],
  ['A2', '2026-10-20T23:00Z', '2026-10-22T01:00Z'],
  ['A1', '2026-10-21T00:00Z', null],
] as const
const [evening, night, days, next, open] = [
  'A1 10-19T20:00 10-20T00:00',
  'A1 10-20T00:00 10-20T09:00',
  'A2 10-18T00:00 10-20T08:00',
  'A2 10-20T23:00 10-22T01:00',
  'A1 10-21T00:00 -',
]

describe('sessions', () => {
  it.each([
    ['', [days, evening, night, next, open]],
    ['day=2026-10-20', [days, night, next]],
    ['day=2026-10-19', [days, evening]],
    ['day=2026-10-21', [next, open]],
    ['day=2030-01-01', [open]],
    ['day=2030-01-01&open=false', []],
    ['day=2026-10-20&open=true', []],
    ['day=2026-10-21&open=true', [open]],
    ['open=true', [open]],
    ['open=false', [days, evening, night, next]],
    ['from=2026-10-20T09:00:00Z', [next, open]],
    ['from=2026-10-20T08:59:59.999Z', [night, next, open]],
    ['to=2026-10-20T00:00:00Z', [days, evening]],
    ['to=2026-10-20T00:00:00.001Z', [days, evening, night]],
    ['from=2026-10-20T02:00:00%2B02:00&to=2026-10-20T02:01:00%2B02:00', [days, night]],
  ])('with ?%s', async (query, expected) => {
    expect(await ask(await tenantWith(stays), query)).toEqual(expected)
  })

  it('of a space, of a site, and of those that are not there', async () => {
    const tenant = await tenantWith(stays)
    const other = await tenantWith(stays)
    const [one, theirs] = [await tenant.spaceId('A1'), await other.spaceId('A1')]
    const [site] = await operators.baywire.sql<{ id: string }[]>`SELECT id FROM sites WHERE tenant_id = ${tenant.id}`
    expect(await ask(tenant, `space_id=${one}&day=2026-10-20`)).toEqual([night])
    expect(await ask(tenant, 'day=2026-10-20', `/spaces/${one}/parking-sessions`)).toEqual([night])
    expect(await ask(tenant, `site_id=${site?.id}&day=2026-10-20`)).toEqual([days, night, next])
    expect(await ask(tenant, `space_id=${theirs}`)).toEqual([])
    expect(await ask(tenant, `site_id=${one}`)).toEqual([])
    expect((await tenant.ask('GET', `/spaces/${theirs}/parking-sessions`)).status).toBe(404)
  })

  it.each([1, 2, 3])('page by page of %i', async (limit) => {
    const tenant = await tenantWith(stays)
    for (const query of ['', '&day=2026-10-20', '&from=2026-10-19T21:00:00Z', '&open=false']) {
      // oxlint-disable no-await-in-loop -- each page names the next
      const whole = await ask(tenant, `limit=1000${query}`)
      const found: string[] = []
      for (let cursor: string | null = ''; cursor !== null;) {
        const answer: Answer = await tenant.ask(
          'GET',
          `${path}?limit=${limit}${query}${cursor === '' ? '' : `&cursor=${cursor}`}`,
        )
        expect(answer.status).toBe(200)
        expect(answer.body.items.length).toBeLessThanOrEqual(limit)
        found.push(...shown(answer))
        cursor = answer.body.next
      }
      // oxlint-enable no-await-in-loop
      expect(found).toEqual(whole)
    }
  })

  it('that begin at the same time at several spaces are paged without loss', async () => {
    const devices = ['A1', 'A2', 'A3', 'A4']
    const tenant = await tenantWith(
      devices.map((space) => [space, '2026-10-20T08:00Z', '2026-10-20T09:00Z']),
      { devices },
    )
    const first = await tenant.ask('GET', `${path}?limit=2`)
    const second = await tenant.ask('GET', `${path}?limit=2&cursor=${first.body.next}`)
    expect([...shown(first), ...shown(second)].toSorted()).toEqual(
      devices.map((code) => `${code} 10-20T08:00 10-20T09:00`),
    )
    expect(second.body.next).toBeNull()
  })
})

describe('the day', () => {
  it('is that of the clocks of the site, also where they are moved', async () => {
    const sessions = [
      ['A1', '2026-10-24T21:30Z', '2026-10-24T22:00Z'],
      ['A1', '2026-10-24T22:00Z', '2026-10-24T22:30Z'],
      ['A2', '2026-10-25T22:59Z', '2026-10-25T23:00Z'],
      ['A1', '2026-10-25T23:00Z', '2026-10-25T23:30Z'],
    ] as const
    const tenant = await tenantWith(sessions, { timezone: 'Europe/Berlin' })
    // 25 hours: from midnight of summer to that of winter time.
    expect(await ask(tenant, 'day=2026-10-25')).toEqual(['A1 10-24T22:00 10-24T22:30', 'A2 10-25T22:59 10-25T23:00'])
  })

  it('is another one at each site', async () => {
    const tenant = await tenantWith([['A1', '2026-10-20T00:30Z', '2026-10-20T01:00Z']], {
      timezone: 'America/Los_Angeles',
    })
    const { sql } = operators.baywire
    await sql`
      INSERT INTO sites (tenant_id, id, code, name, timezone) VALUES (${tenant.id}, gen_random_uuid(), 'tokyo', 'Tokyo', 'Asia/Tokyo')`
    await sql`
      UPDATE spaces SET site_id = (SELECT id FROM sites WHERE tenant_id = ${tenant.id} AND code = 'tokyo')
      WHERE tenant_id = ${tenant.id} AND code = 'A2'`
    await sql`
      INSERT INTO parking_sessions (tenant_id, space_id, started_at, ended_at, uncertain)
      SELECT ${tenant.id}, id, '2026-10-19T16:00Z', '2026-10-19T17:00Z', false FROM spaces
      WHERE tenant_id = ${tenant.id} AND code = 'A2'`
    expect(await ask(tenant, 'day=2026-10-19')).toEqual(['A1 10-20T00:30 10-20T01:00'])
    expect(await ask(tenant, 'day=2026-10-20')).toEqual(['A2 10-19T16:00 10-19T17:00'])
  })
})

describe('is refused', () => {
  it.each([
    ['day=2026-02-30', 'day'],
    ['day=20261020', 'day'],
    ['day=2026-10-20&from=2026-10-20T00:00:00Z', 'day'],
    ['from=2026-10-20', 'from'],
    ['from=2026-10-20T00:00:00Z&to=2026-10-20T00:00:00Z', 'to'],
    ['from=2026-10-21T00:00:00Z&to=2026-10-20T00:00:00Z', 'to'],
    ['open=maybe', 'open'],
    ['space_id=A1', 'space_id'],
    ['cursor=bm9uc2Vuc2U', 'cursor'],
    [`cursor=${Buffer.from('parking-sessions:1_2').toString('base64url')}`, 'cursor'],
    ['limit=1001', 'limit'],
    ['zone=UTC', 'zone'],
  ])('?%s', async (query, field) => {
    const tenant = await tenantWith([])
    const { status, body } = await tenant.ask('GET', `${path}?${query}`)
    expect(status).toBe(400)
    expect(body.errors.map(({ path: wrong }: { path: string }) => wrong)).toContain(field)
  })

  it.each(['0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])('%s is a time like any other', async (time) => {
    const tenant = await tenantWith(stays)
    expect((await tenant.ask('GET', `${path}?from=${time}`)).status).toBe(200)
    expect((await tenant.ask('GET', `${path}?to=${time}`)).status).toBe(200)
    expect((await tenant.ask('GET', `${path}?day=${time.slice(0, 10)}`)).status).toBe(200)
  })

  it('to drivers', async () => {
    const tenant = await tenantWith(stays)
    const statuses = async (role: Role) => (await tenant.ask('GET', path, { role })).status
    expect(await Promise.all((['owner', 'admin', 'operator', 'viewer', 'driver'] as const).map(statuses))).toEqual([
      200, 200, 200, 200, 403,
    ])
  })
})
