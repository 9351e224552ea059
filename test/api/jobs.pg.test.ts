import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Principal } from '../../src/auth/principal.ts'
import { newId } from '../../src/ids.ts'
import { claimSlot, finishRun, registerJobs } from '../../src/store/job-runs.ts'
import { startOperators, type OperatedTenant, type Operators } from './operator.ts'

/** The jobs of the installation as operators see them, and as platform administrators run them. */
let operators: Operators
let tenant: OperatedTenant
const books = { job: 'books', intervalMs: 60_000 }
const retention = { job: 'retention', intervalMs: 3_600_000 }

beforeAll(async () => {
  operators = await startOperators()
})
afterAll(() => operators.close())
beforeEach(async () => {
  const { sql, system } = operators.baywire
  await sql`DELETE FROM job_runs`
  await sql`DELETE FROM jobs`
  await system.withSystem((tx) => registerJobs(tx, [retention, books]))
  const run = await system.withSystem((tx) => claimSlot(tx, books, 'one'))
  await system.withSystem((tx) => finishRun(tx, run?.runId ?? '', { result: 'found', detail: { imbalance: 2 } }))
  tenant = await operators.tenant()
})

function administrator(part: Partial<Principal & { kind: 'user' }> = {}): string {
  const user = {
    kind: 'user',
    userId: newId(),
    sessionId: newId(),
    tenant: undefined,
    platformAdministrator: true,
  } as const
  return operators.signIn({ ...user, ...part })
}

it('says of each when it ran, how long, with what result, and when it is due', async () => {
  const { status, body } = await tenant.ask('GET', '/jobs', { token: administrator() })
  expect(status).toBe(200)
  expect(body.items).toEqual([
    {
      job: 'books',
      interval_s: 60,
      running_since: null,
      requested_at: null,
      next_run_at: expect.stringMatching(/:00\.000Z$/),
      last_success_at: null,
      last_run: {
        started_at: expect.any(String),
        ended_at: expect.any(String),
        duration_s: expect.any(Number),
        result: 'found',
        requested_by: null,
        detail: { imbalance: 2 },
      },
    },
    {
      job: 'retention',
      interval_s: 3600,
      running_since: null,
      requested_at: null,
      next_run_at: null,
      last_success_at: null,
      last_run: null,
    },
  ])
  expect((await tenant.ask('GET', '/jobs/books', { token: administrator() })).body).toEqual(body.items[0])
})

it.each(['owner', 'admin', 'operator', 'viewer', 'driver'] as const)(
  'shows %s nothing of other tenants',
  async (role) => {
    const list = await tenant.ask('GET', '/jobs', { role })
    const one = await tenant.ask('GET', '/jobs/books', { role })
    if (role === 'viewer' || role === 'driver') {
      expect([list.status, one.status]).toEqual([403, 403])
      return
    }
    expect(list.body.items[0]).toEqual(one.body)
    expect(one.body.last_run).toMatchObject({ result: 'found', detail: null, requested_by: null })
  },
)

it('is run by platform administrators alone, who need no tenant', async () => {
  const run = (token: string) => tenant.ask('POST', '/jobs/retention/run', { token })
  for (const role of ['owner', 'admin', 'operator', 'viewer', 'driver'] as const) {
    // oxlint-disable-next-line no-await-in-loop -- five of them
    expect((await tenant.ask('POST', '/jobs/retention/run', { role })).status).toBe(403)
  }
  const looking = { tenant: { id: tenant.id, role: 'admin' }, readOnly: true } as const
  expect((await run(administrator(looking))).status).toBe(403)
  const key = { kind: 'api_key', apiKeyId: newId(), scopes: ['jobs:read'] } as const
  const token = operators.signIn({ ...key, tenant: { id: tenant.id, role: 'owner' } })
  expect((await run(token)).status).toBe(403)
  expect((await tenant.ask('GET', '/jobs', { token })).status).toBe(200)
  expect((await tenant.ask('GET', '/jobs/retention', { role: 'owner' })).body.requested_at).toBeNull()

  const userId = newId()
  const asked = await run(administrator({ userId }))
  expect(asked.status).toBe(202)
  expect(asked.headers.get('Location')).toBe('/api/v1/jobs/retention')
  expect(asked.body).toMatchObject({ job: 'retention', requested_at: expect.any(String), running_since: null })

  const { system } = operators.baywire
  const claimed = await system.withSystem((tx) => claimSlot(tx, retention, 'one'))
  const under = await run(administrator())
  expect(under.body).toMatchObject({ requested_at: asked.body.requested_at, running_since: expect.any(String) })
  await system.withSystem((tx) => finishRun(tx, claimed?.runId ?? '', { result: 'succeeded', detail: {} }))
  const { body } = await tenant.ask('GET', '/jobs/retention', { token: administrator() })
  expect(body).toMatchObject({ requested_at: null, last_run: { requested_by: `user:${userId}`, result: 'succeeded' } })
  expect(await system.withSystem((tx) => claimSlot(tx, retention, 'one'))).toBeUndefined()
})

it('refuses what is no job', async () => {
  const token = administrator()
  expect((await tenant.ask('POST', '/jobs/gardening/run', { token })).status).toBe(404)
  expect((await tenant.ask('GET', '/jobs/gardening', { token })).status).toBe(404)
  expect((await tenant.ask('POST', '/jobs/Robert%27%3B--/run', { token })).status).toBe(404)
  expect((await tenant.ask('GET', '/jobs?limit=1', { token })).status).toBe(400)
})
