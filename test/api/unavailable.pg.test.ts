import { beforeAll, describe, expect, it } from 'vitest'
import { tenantDatabase } from '../../src/store/transactions.ts'
import { apiFixture, insertTenant, type ApiFixture } from './fixture.ts'

let fixture: ApiFixture

beforeAll(async () => {
  fixture = await apiFixture()
  await insertTenant(fixture.owner, { slug: 'demo' })
  return () => fixture.drop()
})

const nowhere = { url: 'postgres://nobody@127.0.0.1:1/none', max: 1, statementTimeoutMs: 1000, name: 'test' }
const sites = '/api/v1/public/demo/sites'

async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ type: '/problems/unavailable', status: 503 })
  expect(text).not.toMatch(/ECONN|CONNECTION|timeout|select/i)
}

/** Holds a lock that every query of sites waits for, while `work` runs. */
async function whileLocked(work: () => Promise<void>): Promise<void> {
  await fixture.owner.begin(async (tx) => {
    await tx`lock table sites in access exclusive mode`
    await work()
  })
}

describe('without its database the API answers 503', () => {
  it('when nothing listens there', async () => {
    const tenants = tenantDatabase(nowhere)
    const app = fixture.otherApi({ tenants })
    await expectUnavailable(await app.request(sites))
    expect((await app.request('/health')).status).toBe(200)
    await tenants.close()
  })

  it('when its pool is closed', async () => {
    const tenants = tenantDatabase(nowhere)
    await tenants.close()
    await expectUnavailable(await fixture.otherApi({ tenants }).request(sites))
  })

  it('when a statement runs too long', async () => {
    const app = fixture.otherApi({ statementTimeoutMs: 50 })
    await whileLocked(async () => expectUnavailable(await app.request(sites)))
  })

  it('when the database does not answer in time', async () => {
    const app = fixture.otherApi({ databaseWaitMs: 50 })
    await whileLocked(async () => expectUnavailable(await app.request(sites)))
  })

  it('until the connections are there again', async () => {
    const app = fixture.otherApi({ tenants: fixture.tenants })
    await whileLocked(async () => {
      await expectUnavailable(await whileTerminating(app.request(sites)))
    })
    expect((await app.request(sites)).status).toBe(200)
    // What is in memory from then on is answered without it.
    await whileLocked(async () => {
      expect((await whileTerminating(app.request(sites))).status).toBe(200)
    })
  })
})

/** Ends each connection that waits for the lock, as a restart of the server would, until there is an answer. */
async function whileTerminating(asked: Response | Promise<Response>): Promise<Response> {
  const terminated = new AbortController()
  const answered = Promise.resolve(asked).finally(() => terminated.abort())
  while (!terminated.signal.aborted) {
    await fixture.owner`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'test api' and wait_event_type = 'Lock'`
  }
  return await answered
}
