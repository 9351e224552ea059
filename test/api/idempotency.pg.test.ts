import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Api } from '../../src/api/app.ts'
import { withIdempotency } from '../../src/api/idempotency.ts'
import { newId } from '../../src/ids.ts'
import { Refusal } from '../../src/refusal.ts'
import { recordAudit } from '../../src/store/audit.ts'
import { removeLeftovers } from '../../src/store/leftovers.ts'
import { systemDatabase } from '../../src/store/transactions.ts'
import { sql } from 'drizzle-orm'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'
import { People } from './support/people.ts'

let fixture: ApiFixture
let people: People
let app: Api
let tenantId: string
/** What the route does after its effect and before its answer is kept. */
let meanwhile: () => Promise<void> = async () => {}

beforeAll(async () => {
  fixture = await apiFixture()
  people = new People()
  app = fixture.otherApi({ authenticator: people })
  addSampleRoutes(app, fixture)
  tenantId = await insertTenant(fixture.owner, { slug: 'once' })
  people.user('ann', tenantId)
})
afterAll(() => fixture.drop())

/** POST /api/v1/samples/{code} makes a site; the codes of HTTP that it is asked for are its other answers. */
function addSampleRoutes(api: Api, { tenants }: ApiFixture): void {
  const options = { tenants, databaseWaitMs: 10_000 }
  api.post('/api/v1/samples/:code', async (c) => {
    const { name, secret = false } = await c.req.json<{ name: string; secret?: boolean }>()
    return await withIdempotency(c, { ...options, secret }, async (tx, actor) => {
      const id = newId()
      const code = c.req.param('code')
      await tx.execute(
        sql`insert into sites (tenant_id, id, code, name) values (${tx.tenantId}, ${id}, ${code}, ${name})`,
      )
      await meanwhile()
      if (name === 'taken') throw new Refusal('conflict', 'The code is taken.')
      if (name === 'forbidden') throw new Refusal('forbidden', 'You may not.')
      await recordAudit(tx, {
        actor: { kind: 'user', id: actor.requestId },
        action: 'site.created',
        target: { kind: 'site', id },
      })
      return c.json({ id, name }, 201, { Location: `/api/v1/samples/${id}`, ETag: '"1"' })
    })
  })
}

interface Sent {
  code?: string
  body?: unknown
  key?: string | undefined
  token?: string
  query?: string
}

async function post({ code = 'a', body = { name: 'A' }, key, token = 'ann', query = '' }: Sent) {
  const response = await app.request(`/api/v1/samples/${code}${query}`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      ...(key === undefined ? {} : { 'Idempotency-Key': key }),
    },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) as Record<string, unknown> }
}

async function sitesNamed(name: string): Promise<number> {
  const [row] = await fixture.owner<{ n: number }[]>`select count(*)::int as n from sites where name = ${name}`
  return row?.n ?? 0
}

describe('a request that is sent again', () => {
  it('has its effect once, and is answered as it was', async () => {
    const key = randomUUID()
    const sent = { key, code: 'again', body: { name: 'again' } }
    const first = await post(sent)
    const second = await post(sent)
    expect(first.status).toBe(201)
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect({ status: second.status, text: second.text }).toEqual({ status: first.status, text: first.text })
    for (const name of ['location', 'etag', 'content-type']) {
      expect(second.headers.get(name)).toBe(first.headers.get(name))
    }
    expect(await sitesNamed('again')).toBe(1)
    const [entries] =
      await fixture.owner`select count(*)::int as n from audit_log where target_id = ${String(first.body['id'])}`
    expect(entries).toEqual({ n: 1 })
  })

  it('simply runs without a key', async () => {
    expect((await post({ code: 'plain-1', body: { name: 'plain' } })).status).toBe(201)
    expect((await post({ code: 'plain-2', body: { name: 'plain' } })).status).toBe(201)
    expect(await sitesNamed('plain')).toBe(2)
  })

  it('has one effect when 100 are sent at once', async () => {
    const sent = { key: randomUUID(), code: 'crowd', body: { name: 'crowd' } }
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(sent)))
    const made = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status }) => status === 409)
    expect(made.length + refused.length).toBe(100)
    expect(new Set(made.map(({ text }) => text)).size).toBe(1)
    expect(made.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1)
    for (const { body, headers } of refused) {
      expect(body['type']).toBe('/problems/idempotency-running')
      expect(headers.get('retry-after')).toBe('1')
    }
    expect(await sitesNamed('crowd')).toBe(1)
  })

  it('runs again where the one before it was cut off, and never twice', async () => {
    for (let i = 0; i < 20; i++) {
      const name = `cut-${i}`
      const sent = { key: randomUUID(), code: name, body: { name } }
      let cuts = 1
      meanwhile = async () => {
        if (cuts-- <= 0) return
        await fixture.owner`
          select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'test api' and state like 'idle in transaction%' and datname = current_database()`
      }
      // oxlint-disable no-await-in-loop -- one cut at a time
      expect((await post(sent)).status).toBe(503)
      const second = await post(sent)
      expect(second.status).toBe(201)
      expect((await post(sent)).text).toBe(second.text)
      expect(await sitesNamed(name)).toBe(1)
      // oxlint-enable no-await-in-loop
    }
    meanwhile = async () => {}
  })
})

describe('the key', () => {
  it('is of one request: another body, query or path is refused', async () => {
    const key = randomUUID()
    const sent = { key, code: 'mine', body: { name: 'mine' }, query: '?b=2&a=1' }
    expect((await post(sent)).status).toBe(201)
    for (const other of [{ body: { name: 'other' } }, { query: '?a=1' }, { code: 'other' }]) {
      // oxlint-disable-next-line no-await-in-loop
      const answer = await post({ ...sent, ...other })
      expect(answer).toMatchObject({ status: 422, body: { type: '/problems/idempotency-mismatch' } })
    }
    expect((await post({ ...sent, query: '?a=1&b=2' })).headers.get('idempotency-replayed')).toBe('true')
    expect(await sitesNamed('other')).toBe(0)
  })

  it('means nothing to another user, API key or tenant', async () => {
    const other = await insertTenant(fixture.owner, { slug: 'once-other' })
    people.user('bob', tenantId)
    people.user('cleo', other)
    people.apiKey('robot', tenantId, [])
    const key = '"the same key for all"'
    const answers = await Promise.all(
      ['ann', 'bob', 'cleo', 'robot'].map((token) =>
        post({ key, token, code: `for-${token}`, body: { name: 'theirs' } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201])
    expect(new Set(answers.map(({ text }) => text)).size).toBe(4)
  })

  it('is a UUID or a quoted string of 16 to 128 characters', async () => {
    const good = [randomUUID(), `"${'a'.repeat(16)}"`, `"${'a'.repeat(128)}"`, String.raw`"with \" and \\ inside"`]
    const bad = [
      '',
      'short',
      'a'.repeat(16),
      `"${'a'.repeat(15)}"`,
      `"${'a'.repeat(129)}"`,
      `"${'a'.repeat(16)}`,
      '"a"b"c"d"e"f"g"h"i"',
    ]
    const statuses = await Promise.all(
      [...good, ...bad].map(async (key, i) => (await post({ key, code: `key-${i}`, body: { name: 'key' } })).status),
    )
    expect(statuses).toEqual([...good.map(() => 201), ...bad.map(() => 400)])
  })

  it('is the same with quotes and without', async () => {
    const key = randomUUID()
    const sent = { code: 'quotes', body: { name: 'quotes' } }
    await post({ ...sent, key })
    expect((await post({ ...sent, key: `"${key}"` })).headers.get('idempotency-replayed')).toBe('true')
  })

  it('is forgotten after 24 hours, and its row swept', async () => {
    const key = randomUUID()
    const first = await post({ key, code: 'old-1', body: { name: 'old' } })
    await fixture.owner`update idempotency_keys set created_at = now() - interval '25 hours' where key = ${key}`
    const later = await post({ key, code: 'old-2', body: { name: 'old' } })
    expect([first.status, later.status]).toEqual([201, 201])

    await fixture.owner`update idempotency_keys set created_at = now() - interval '25 hours' where key = ${key}`
    const system = systemDatabase({ url: fixture.ownerUrl, max: 1, statementTimeoutMs: 10_000, name: 'test jobs' })
    const [before] = await fixture.owner`select count(*)::int as n from idempotency_keys`
    expect(await system.withSystem(removeLeftovers)).toMatchObject({ answers: 1 })
    const [after] = await fixture.owner`select count(*)::int as n from idempotency_keys`
    await system.close()
    expect(before?.['n'] - after?.['n']).toBe(1)
  })
})

describe('what is kept', () => {
  it('is a refusal of the operation too, without its effect', async () => {
    const sent = { key: randomUUID(), code: 'taken', body: { name: 'taken' } }
    const first = await post(sent)
    const second = await post(sent)
    expect(first).toMatchObject({ status: 409, body: { type: '/problems/conflict' } })
    expect({ status: second.status, text: second.text }).toEqual({ status: 409, text: first.text })
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect(await sitesNamed('taken')).toBe(0)
  })

  it('is no refusal that may come out differently', async () => {
    const sent = { key: randomUUID(), code: 'forbidden', body: { name: 'forbidden' } }
    expect((await post(sent)).status).toBe(403)
    expect((await post(sent)).headers.get('idempotency-replayed')).toBeNull()
    expect((await post({ ...sent, body: { name: 'allowed' } })).status).toBe(201)
  })

  it('is no secret: a repetition is told that it was done, and where', async () => {
    const key = randomUUID()
    const sent = { key, code: 'secret', body: { name: 'hunter2-secret', secret: true } }
    const first = await post(sent)
    const second = await post(sent)
    expect(first.status).toBe(201)
    expect(second).toMatchObject({ status: 409, body: { type: '/problems/idempotency-answer-gone' } })
    expect(second.headers.get('location')).toBe(first.headers.get('location'))
    expect(await sitesNamed('hunter2-secret')).toBe(1)
    const [row] = await fixture.owner`select body from idempotency_keys where key = ${key}`
    expect(row).toEqual({ body: null })
  })
})

it('a body without a length is bounded all the same, with a key and without', async () => {
  for (const key of [{}, { 'Idempotency-Key': randomUUID() }]) {
    let pieces = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pieces += 1
        if (pieces > 64) controller.close()
        else controller.enqueue(new Uint8Array(65_536).fill(32))
      },
    })
    // oxlint-disable-next-line no-await-in-loop
    const answer = await app.request('/api/v1/samples/big', {
      method: 'POST',
      headers: { Authorization: 'Bearer ann', 'Content-Type': 'application/json', ...key },
      body,
      duplex: 'half',
    })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([413, 'application/problem+json'])
    expect(pieces).toBeLessThan(30)
  }
})
