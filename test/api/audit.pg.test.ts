import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Api } from '../../src/api/app.ts'
import { newId } from '../../src/ids.ts'
import { auditedTenants, recordAudit } from '../../src/store/audit.ts'
import { verifyChain } from '../../src/store/audit-chain.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'
import { People } from './support/people.ts'
import { validating } from './support/validating.ts'

let fixture: ApiFixture
const people = new People()
let request: Api['request']

beforeAll(async () => {
  fixture = await apiFixture()
  request = validating(fixture.otherApi({ authenticator: people }))
})
afterAll(() => fixture.drop())

const anna = newId()

async function record(tenantId: string, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) {
    // oxlint-disable-next-line no-await-in-loop -- the chain has an order
    await fixture.tenants.withTenant(tenantId, (tx) =>
      recordAudit(tx, {
        actor: i % 2 === 0 ? { kind: 'user', id: anna } : { kind: 'command', id: 'baywire' },
        action: i % 3 === 0 ? 'site.created' : 'device.secret_rotated',
        target: { kind: i % 3 === 0 ? 'site' : 'device', id: `id-${i}` },
        detail: { number: i, text: 'ß " \\ \u2028', nested: { a: [1, null, true] } },
        requestId: `request-${i}`,
      }),
    )
  }
}

const page = z.object({
  items: z.array(z.looseObject({ seq: z.number(), at: z.string(), action: z.string(), hash: z.string() })),
  next: z.string().nullable(),
})

async function list(token: string, query = '') {
  const answer = await request(`/api/v1/audit${query}`, { headers: { Authorization: `Bearer ${token}` } })
  const body: unknown = await answer.json()
  return { status: answer.status, body }
}

async function seqs(token: string, query = ''): Promise<number[]> {
  return page.parse((await list(token, query)).body).items.map(({ seq }) => seq)
}

describe('the list', () => {
  it('has the newest first, page by page, and none of another tenant', async () => {
    const [mine, other] = [
      await insertTenant(fixture.owner, { slug: 'mine' }),
      await insertTenant(fixture.owner, { slug: 'other' }),
    ]
    people.user('mine', mine)
    await record(mine, 12)
    await record(other, 3)
    const read: number[] = []
    for (let cursor = ''; ;) {
      // oxlint-disable-next-line no-await-in-loop
      const { items, next } = page.parse((await list('mine', `?limit=5${cursor}`)).body)
      read.push(...items.map(({ seq }) => seq))
      if (next === null) break
      cursor = `&cursor=${next}`
    }
    expect(read).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  })

  it('is filtered by actor, action, target and time, all of them together', async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'filtered' })
    people.user('filtered', tenantId)
    await record(tenantId, 12)
    expect(await seqs('filtered', `?actor=user:${anna}&action=site.created`)).toEqual([12, 6])
    expect(await seqs('filtered', '?target=site')).toEqual([12, 9, 6, 3])
    expect(await seqs('filtered', '?target=device:id-4')).toEqual([4])
    expect(await seqs('filtered', `?actor=user:${newId()}`)).toEqual([])
    const { items } = page.parse((await list('filtered')).body)
    const fifth = items.find(({ seq }) => seq === 5)?.at ?? ''
    const since = await seqs('filtered', `?since=${fifth}`)
    const until = await seqs('filtered', `?until=${fifth}`)
    expect(since).toContain(5)
    expect([...since, ...until].toSorted((a, b) => b - a)).toEqual(items.map(({ seq }) => seq))
  })

  it('refuses what it does not know, and cursors of other lists', async () => {
    people.user('refused', await insertTenant(fixture.owner, { slug: 'refused' }))
    const wrong = [
      '?colour=red',
      '?actor=ann',
      '?since=yesterday',
      '?limit=0',
      '?cursor=abc',
      `?cursor=${Buffer.from('audit:x').toString('base64url')}`,
      `?cursor=${Buffer.from('sites:1').toString('base64url')}`,
      '?target=a:b:c%27--',
    ]
    const answers = await Promise.all(wrong.map((query) => list('refused', query)))
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 400, 200])
  })

  it('is for those with the right to it', async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'rights' })
    for (const role of ['owner', 'admin', 'operator', 'viewer', 'driver'] as const)
      people.user(`rights-${role}`, tenantId, role)
    people.apiKey('rights-key', tenantId, ['audit:read'])
    people.apiKey('rights-other-key', tenantId, ['places:read'])
    people.user('rights-nobody', undefined)
    const tokens = ['owner', 'admin', 'key', 'operator', 'viewer', 'driver', 'other-key', 'nobody']
    const answers = await Promise.all(tokens.map((token) => list(`rights-${token}`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 403, 403, 403, 403, 403])
    expect((await list('none')).status).toBe(401)
  })
})

/** As somebody who may do anything to the database would. */
async function tamper(change: string): Promise<void> {
  await fixture.owner.begin(async (sql) => {
    await sql`set local session_replication_role = replica`
    await sql.unsafe(change)
  })
}

async function verify(tenantId: string) {
  return await fixture.tenants.withTenant(tenantId, verifyChain)
}

describe('the chain', () => {
  it('is whole as it was written, also by many at once, and where nothing was', async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'whole' })
    expect(await verify(tenantId)).toEqual({ entries: 0, head: null, fault: null })
    await Promise.all(Array.from({ length: 20 }, () => record(tenantId, 2)))
    expect(await verify(tenantId)).toMatchObject({
      entries: 40,
      fault: null,
      head: expect.stringMatching(/^[\da-f]{64}$/),
    })
  })

  it('shows each of 100 entries that is altered, dropped or swapped', { timeout: 120_000 }, async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'tampered' })
    await record(tenantId, 100)
    await tamper('create table kept as select * from audit_log')
    const heal = (...entries: number[]) => `
      delete from audit_log where tenant_id = '${tenantId}' and seq in (${entries.join()});
      insert into audit_log select * from kept where tenant_id = '${tenantId}' and seq in (${entries.join()})`
    const mine = `tenant_id = '${tenantId}'`
    const changes = [
      "action = 'x'",
      'detail = detail || \'{"number": -1}\'',
      'request_id = null',
      "at = at + interval '1 ms'",
      "actor_id = 'y'",
      "target_kind = 'z'",
      'hash = sha256(hash)',
      'previous_hash = sha256(previous_hash)',
    ]
    let found = 0
    for (let seq = 1; seq <= 100; seq++) {
      const next = (seq % 100) + 1
      const ways = [
        `update audit_log set ${changes[seq % changes.length]} where ${mine} and seq = ${seq}`,
        `delete from audit_log where ${mine} and seq = ${seq}`,
        `update audit_log set seq = case seq when ${seq} then 0 else -1 end where ${mine} and seq in (${seq}, ${next});
         update audit_log set seq = case seq when 0 then ${next} else ${seq} end where ${mine} and seq in (0, -1)`,
      ]
      // oxlint-disable no-await-in-loop -- one at a time, or it would not be known which was found
      for (const way of ways) {
        await tamper(way)
        const { fault } = await verify(tenantId)
        if (fault !== null && fault.seq <= Math.max(seq, next)) found += 1
        await tamper(heal(seq, next))
      }
      // oxlint-enable no-await-in-loop
    }
    expect(found).toBe(300)
    expect(await verify(tenantId)).toMatchObject({ entries: 100, fault: null })
  })

  it('shows an end that was cut off, and one that was made up', async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'ends' })
    await record(tenantId, 10)
    await tamper(`delete from audit_log where tenant_id = '${tenantId}' and seq > 7`)
    expect(await verify(tenantId)).toMatchObject({ fault: { seq: 8, fault: 'missing' } })
    await tamper(`update audit_heads set seq = 5 where tenant_id = '${tenantId}'`)
    expect((await verify(tenantId)).fault).toMatchObject({ fault: 'head' })
    await tamper(`delete from audit_heads where tenant_id = '${tenantId}'`)
    expect((await verify(tenantId)).fault).toMatchObject({ fault: 'head' })
  })

  it('cannot be changed by the role that writes it, nor by the owner while triggers are on', async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'guarded' })
    await record(tenantId, 1)
    for (const statement of ['update audit_log set action = $1', 'delete from audit_log where action <> $1']) {
      // oxlint-disable-next-line no-await-in-loop
      await expect(fixture.owner.unsafe(statement, ['x'])).rejects.toMatchObject({ code: '42501' })
    }
  })

  it('is listed for every tenant, also one that is gone', async () => {
    const tenantId = await insertTenant(fixture.owner, { slug: 'gone' })
    await record(tenantId, 1)
    await fixture.owner`delete from tenants where id = ${tenantId}`
    const known = await fixture.tenants.withAccounts(auditedTenants)
    expect(known).toContainEqual({ tenantId, slug: null })
    expect(known.some(({ slug }) => slug === 'whole')).toBe(true)
  })
})
