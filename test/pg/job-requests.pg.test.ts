/** A job that somebody asks for runs once, in one of the processes, also where the first of them dies over it. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Job } from '../../src/jobs/job.ts'
import { Slots } from '../../src/jobs/slots.ts'
import { createLog } from '../../src/log.ts'
import { createMetrics, type Metrics } from '../../src/metrics.ts'
import { claimSlot, finishRun, registerJobs } from '../../src/store/job-runs.ts'
import { requestJob, selectJobs, type ListedJob } from '../../src/store/jobs.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'

const slot = { job: 'sweep-the-yard', intervalMs: 24 * 3_600_000 }
let baywire: TestIngest
let tenants: TenantDatabase
const open: Slots[] = []

beforeAll(async () => {
  baywire = await startTestIngest()
  tenants = tenantDatabase({ url: baywire.ownerUrl, max: 4, statementTimeoutMs: 10_000, name: 'test api' })
})
beforeEach(async () => {
  await baywire.sql`DELETE FROM job_runs`
  await baywire.sql`DELETE FROM jobs`
  await baywire.system.withSystem((tx) => registerJobs(tx, [slot]))
})
afterEach(() => Promise.all(open.splice(0).map((slots) => slots.stop())))
afterAll(async () => {
  await tenants.close()
  await baywire.close()
})

const ask = (job = slot.job, by = 'command') => tenants.withAccounts((tx) => requestJob(tx, { job, by }))
const shown = async (): Promise<ListedJob> => {
  const [job] = await tenants.withAccounts((tx) => selectJobs(tx, slot.job))
  if (job === undefined) throw new Error('no such job')
  return job
}
const claim = (shared = false) => baywire.system.withSystem((tx) => claimSlot(tx, { ...slot, shared }, 'one'))
const finish = (runId = '', result: 'succeeded' | 'failed' | 'lost' = 'succeeded') =>
  baywire.system.withSystem((tx) => finishRun(tx, runId, { result, detail: { swept: 3 } }))
const runs = async () =>
  await baywire.sql<{ result: string | null; requested_by: string | null }[]>`
    SELECT result, requested_by FROM job_runs ORDER BY started_at`

function process(job: Job): { slots: Slots; metrics: Metrics } {
  const metrics = createMetrics()
  const log = createLog({ level: 'silent' })
  const slots = new Slots(
    { database: baywire.system, patientDatabase: baywire.system, metrics, log, processName: `process ${open.length}` },
    [job],
  )
  open.push(slots)
  slots.start()
  return { slots, metrics }
}

/** As if this slot had been run, so that whatever is claimed next was asked for. */
async function slotIsRun(): Promise<void> {
  await finish((await claim())?.runId)
  expect(await claim()).toBeUndefined()
}

test('asked for twenty times at once, it runs once', async () => {
  await slotIsRun()
  let ran = 0
  const job: Job = {
    ...slot,
    work: () => {
      ran += 1
      return Promise.resolve({ result: 'succeeded', detail: {} })
    },
  }
  const asked = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(slot.job, `user:${n}`)))
  expect(new Set(asked)).toEqual(new Set([true]))
  const processes = [process(job), process(job), process(job)]
  await eventually('the run', async () => (await shown()).requestedAt === null)
  await Promise.all(processes.map(({ slots }) => slots.stop()))
  expect(ran).toBe(1)
  expect(await runs()).toMatchObject([
    { result: 'succeeded', requested_by: null },
    { result: 'succeeded', requested_by: expect.stringMatching(/^user:\d+$/) },
  ])
})

test('asked for again when it has run, it runs again', async () => {
  await slotIsRun()
  for (const times of [1, 2]) {
    // oxlint-disable no-await-in-loop -- one after the other
    await ask()
    await finish((await claim())?.runId)
    expect(await claim(), 'it was asked for once').toBeUndefined()
    expect(await runs()).toHaveLength(1 + times)
    // oxlint-enable no-await-in-loop
  }
})

test('the run of a slot that is due is the one that was asked for', async () => {
  await ask()
  await finish((await claim())?.runId)
  expect(await claim()).toBeUndefined()
  expect(await runs()).toMatchObject([{ requested_by: 'command' }])
})

test('while it runs, nothing more is asked for', async () => {
  const run = await claim()
  expect(await ask()).toBe(true)
  expect(await shown()).toMatchObject({ requestedAt: null, runningSince: expect.any(Number) })
  await finish(run?.runId)
  expect(await claim()).toBeUndefined()
})

test.each(['its lease ends', 'its process is stopped'])('it is run by another where %s', async (end) => {
  await slotIsRun()
  await ask()
  const first = await claim()
  expect(await shown()).toMatchObject({ requestedAt: expect.any(Number), runningSince: expect.any(Number) })
  if (end === 'its lease ends') await baywire.sql`UPDATE job_runs SET lease_until = now() WHERE finished_at IS NULL`
  else await finish(first?.runId, 'lost')
  expect(await shown()).toMatchObject({ requestedAt: expect.any(Number), runningSince: null })
  const second = await claim()
  expect(second).toBeDefined()
  // Whoever was taken for gone is heard no more.
  await finish(first?.runId)
  expect(await shown()).toMatchObject({ requestedAt: expect.any(Number) })
  await finish(second?.runId)
  expect(await shown()).toMatchObject({ requestedAt: null, last: { result: 'succeeded', requestedBy: 'command' } })
})

test('one that failed has run', async () => {
  await slotIsRun()
  await ask()
  await finish((await claim())?.runId, 'failed')
  expect(await shown()).toMatchObject({ requestedAt: null, last: { result: 'failed' } })
  expect(await claim()).toBeUndefined()
})

test('what every process does by itself is claimed only where somebody asks', async () => {
  expect(await claim(true)).toBeUndefined()
  await ask()
  await finish((await claim(true))?.runId)
  expect(await claim(true)).toBeUndefined()
})

test('there is no other job', async () => {
  expect(await ask('mow-the-lawn')).toBe(false)
  expect(await tenants.withAccounts((tx) => selectJobs(tx, 'mow-the-lawn'))).toEqual([])
})

const value = async (from: Metrics, name: string, labels: object = {}) => {
  const { values } = (await from.registry.getSingleMetric(`baywire_job_${name}`)?.get()) ?? { values: [] }
  return values.find((one) =>
    Object.entries(labels).every(([label, wanted]) => Reflect.get(one.labels, label) === wanted),
  )?.value
}

test('a process tells of its jobs, and of what any process ran', async () => {
  await baywire.sql`DELETE FROM jobs`
  const { metrics } = process({ ...slot, work: () => Promise.resolve({ result: 'found', detail: {} }) })
  await eventually('the run', async () => (await shown().catch(() => undefined))?.last?.result === 'found')
  const { metrics: others } = process({ ...slot, work: () => Promise.reject(new Error('it is not run here')) })
  for (const from of [metrics, others]) {
    // oxlint-disable no-await-in-loop -- two of them
    await eventually('figures', async () => (await value(from, 'last_run_result', { result: 'found' })) === 1)
    expect(await value(from, 'last_run_result', { result: 'succeeded' })).toBe(0)
    const { last } = await shown()
    expect(await value(from, 'next_run_timestamp_seconds')).toBe((last?.nextAt ?? 0) / 1000)
    expect(await value(from, 'last_run_timestamp_seconds')).toBe((last?.finishedAt ?? 0) / 1000)
    expect(await value(from, 'last_run_duration_seconds')).toBeGreaterThanOrEqual(0)
    // oxlint-enable no-await-in-loop
  }
})
