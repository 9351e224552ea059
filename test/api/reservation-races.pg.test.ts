import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import { newId } from '../../src/ids.ts'
import { Cable } from '../chaos/support/cable.ts'
import { onDatabase } from '../support/database.ts'
import { makePlaces, placesFixture, type Answer, type Caller, type PlacesFixture } from './places-fixture.ts'

/** Many who want the same, on several instances, and crashes between what is done and its answer. */
let fixture: PlacesFixture
beforeAll(async () => {
  fixture = await placesFixture()
})
afterEach(() => fixture.baywire.expectSound())
afterAll(() => fixture.close())

const hour = 3_600_000
/** For machines that have much else to do. */
const longMs = 120_000
const inMs = (ms: number) => new Date(fixture.baywire.clock.now() + ms).toISOString()

function reserve(who: Caller, { json, key = newId(), app }: { json: unknown; key?: string; app?: Api }) {
  return who('POST', '/reservations', {
    json,
    headers: { 'Idempotency-Key': key },
    ...(app === undefined ? {} : { app }),
  })
}

function counted(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

test(
  '500 who want one space at once, at two instances: one gets it, and all others are told so',
  async () => {
    const tenant = await fixture.tenant()
    const { spaceIds } = await makePlaces(tenant.owner, { spaces: ['A1'] })
    const instances = [fixture.instance({ max: 5 }), fixture.instance({ max: 5 })]
    const people = Array.from({ length: 50 }, () => tenant.another('driver'))
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        // Each a little apart: all overlap, none is the same.
        const json = { space_id: spaceIds[0], start: inMs(hour + n * 1000), end: inMs(2 * hour + n * 1000) }
        return reserve(people[n % 50] as Caller, { json, app: instances[n % 2] as Api })
      }),
    )
    expect(counted(answers)).toEqual({ 201: 1, 409: 499 })
    expect(new Set(answers.map(({ body }) => body.type))).toEqual(new Set([undefined, '/problems/conflict']))
    const rows = await fixture.baywire.sql`SELECT FROM reservations WHERE tenant_id = ${tenant.id}`
    expect(rows).toHaveLength(1)
  },
  longMs,
)

test('many who reserve, cancel, extend and move at a few spaces at once: no deadlock, no fault, no overlap', async () => {
  const tenant = await fixture.tenant()
  const { siteId, spaceIds } = await makePlaces(tenant.owner, { spaces: ['A1', 'A2', 'A3'] })
  const instances = [fixture.instance({ max: 5 }), fixture.instance({ max: 5 })]
  const people = Array.from({ length: 20 }, () => tenant.another('driver'))
  async function live(who: Caller, n: number): Promise<Answer[]> {
    const app = instances[n % 2] as Api
    const window = { start: inMs((n % 4) * 600_000), end: inMs((n % 4) * 600_000 + hour) }
    const where = n % 3 === 0 ? { site_id: siteId } : { space_id: spaceIds[n % 3] }
    const made = await reserve(who, { json: { ...where, ...window, hold: n % 5 === 0 }, app })
    if (made.status !== 201) return [made]
    const act = (action: string, json?: unknown) =>
      who('PUT', `/reservations/${made.body.id}/${action}`, { app, ...(json === undefined ? {} : { json }) })
    const extension = { end: inMs((n % 4) * 600_000 + 2 * hour) }
    const acts = await Promise.all([act('confirm'), act('extend', extension), act('move'), act('check-in')])
    return [made, ...acts, await act('cancel')]
  }
  const answers = (await Promise.all(people.flatMap((who, n) => [live(who, n), live(who, n + 7)]))).flat()
  expect(Object.keys(counted(answers)).toSorted()).toEqual(['200', '201', '409'])
  const overlaps = await fixture.baywire.sql`
    SELECT FROM reservations a JOIN reservations b ON a.space_id = b.space_id AND a.id < b.id
      AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
    WHERE a.tenant_id = ${tenant.id} AND a.state IN ('pending', 'confirmed', 'active')
      AND b.state IN ('pending', 'confirmed', 'active')`
  expect(overlaps).toEqual([])
})

/** For a lock, in this database. */
async function somebodyWaits(): Promise<boolean> {
  const { sql } = fixture.baywire
  const waiting = await sql`
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return waiting.length > 0
}

test('an overlap that nobody could have seen is refused by the database, as any other', async () => {
  const tenant = await fixture.tenant()
  const { spaceIds } = await makePlaces(tenant.owner, { spaces: ['A1'] })
  const [spaceId = ''] = spaceIds
  const { sql } = fixture.baywire
  const window = { start: inMs(hour), end: inMs(2 * hour) }
  let answer: Promise<Answer> | undefined
  // Without the lock of the space, and not committed until the other one waits for it.
  await sql.begin(async (tx) => {
    await tx`
      INSERT INTO reservations (tenant_id, id, space_id, holder_kind, holder_id, state, starts_at, ends_at)
      VALUES (${tenant.id}, ${newId()}, ${spaceId}, 'user', ${newId()}, 'confirmed', ${window.start}, ${window.end})`
    answer = reserve(tenant.driver, { json: { space_id: spaceId, ...window } })
    // oxlint-disable-next-line no-await-in-loop -- until it waits
    while (!(await somebodyWaits()));
  })
  expect(await answer).toMatchObject({ status: 409, body: { type: '/problems/conflict' } })
})

test(
  '100 crashes between what is done and its answer, sent again with the same key: done once each',
  async () => {
    const tenant = await fixture.tenant()
    const { spaceIds } = await makePlaces(tenant.owner, { spaces: ['A1'] })
    const { port, pathname } = new URL(fixture.baywire.ownerUrl)
    let lost = 0
    const cable = await Cable.to(Number(port), {
      tap: {
        onLostAnswer: () => {
          lost += 1
          cable.cut()
        },
      },
    })
    const url = new URL(onDatabase(fixture.baywire.ownerUrl, pathname.slice(1)))
    url.hostname = '127.0.0.1'
    url.port = String(cable.port)
    const crashing = fixture.instance({ url: url.href, max: 1 })
    let repeated = 0
    for (let n = 0; n < 100; n += 1) {
      const start = (n + 1) * hour
      const sent = { json: { space_id: spaceIds[0], start: inMs(start), end: inMs(start + hour) }, key: newId() }
      let answersToCome = n % 30
      // Every other time at COMMIT itself; otherwise at any moment before or after it.
      cable.loseAnswers((bytes) => (n % 2 === 0 ? bytes.includes('COMMIT') : answersToCome-- <= 0))
      // oxlint-disable no-await-in-loop -- one crash after the other
      const first = await reserve(tenant.operator, { ...sent, app: crashing })
      expect([201, 503]).toContain(first.status)
      const again = await untilAnswered(() => reserve(tenant.operator, sent))
      // oxlint-enable no-await-in-loop
      expect(again.status).toBe(201)
      if (first.status === 201) expect(again.text).toBe(first.text)
      if (again.headers.get('Idempotency-Replayed') === 'true') repeated += 1
      cable.cut()
    }
    cable.close()
    const rows = await fixture.baywire.sql`SELECT starts_at FROM reservations WHERE tenant_id = ${tenant.id}`
    expect(rows).toHaveLength(100)
    // Both kinds of crash there were: before COMMIT, when nothing was done, and after it, when only the answer was lost.
    expect(lost).toBeGreaterThan(75)
    expect(repeated).toBeGreaterThanOrEqual(50)
    expect(repeated).toBeLessThan(100)
  },
  longMs,
)

/** The transaction of a connection that was cut may still be there for a moment, and holds its key. */
async function untilAnswered(send: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- until it is answered
    const answer = await send()
    if (answer.body.type !== '/problems/idempotency-running') return answer
  }
}
