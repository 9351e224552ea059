/** Any number of processes with the jobs role: each slot is run by one of them, whatever becomes of it and of the clocks. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Job } from '../../src/jobs/job.ts'
import { reconcileBooks } from '../../src/jobs/books.ts'
import { Slots } from '../../src/jobs/slots.ts'
import { createLog } from '../../src/log.ts'
import { createMetrics, type Metrics } from '../../src/metrics.ts'
import { errorCodeOf } from '../../src/store/connection-error.ts'
import {
  claimSlot,
  finishRun,
  readJobStates,
  removeOldRuns,
  renewLease,
  type Claim,
  type RunResult,
} from '../../src/store/job-runs.ts'
import { startTestIngest, type TestIngest } from '../support/ingest.ts'
import { eventually } from '../support/program.ts'

const hourMs = 3_600_000
const slot = { job: 'sweep-the-yard', intervalMs: 24 * hourMs }
let baywire: TestIngest
const open: Slots[] = []

beforeAll(async () => {
  baywire = await startTestIngest()
})
beforeEach(() => baywire.sql`DELETE FROM job_runs`)
afterEach(async () => {
  await Promise.all(open.splice(0).map((slots) => slots.stop()))
  await baywire.expectSound()
})
afterAll(() => baywire.close())

const claim = async (processName = 'one'): Promise<Claim | undefined> =>
  await baywire.system
    .withSystem((tx) => claimSlot(tx, slot, processName))
    .catch((error: unknown) => {
      if (errorCodeOf(error) !== '23505') throw error
      return undefined
    })
const finish = (runId = '', result: RunResult = 'succeeded') =>
  baywire.system.withSystem((tx) => finishRun(tx, runId, { result, detail: {} }))
/** As if the clock of the database had been set by so much. */
const setClock = (hours: number) => baywire.sql`
  UPDATE job_runs SET slot = slot - ${hours} * interval '1 hour', started_at = started_at - ${hours} * interval '1 hour',
    lease_until = lease_until - ${hours} * interval '1 hour', finished_at = finished_at - ${hours} * interval '1 hour'`

function process(jobs: readonly Job[]): { slots: Slots; metrics: Metrics } {
  const metrics = createMetrics()
  const log = createLog({ level: 'silent' })
  const slots = new Slots(
    { database: baywire.system, patientDatabase: baywire.system, metrics, log, processName: `process ${open.length}` },
    jobs,
  )
  open.push(slots)
  slots.start()
  return { slots, metrics }
}
const runs = async () =>
  await baywire.sql<{ result: string | null; process: string }[]>`SELECT result, process FROM job_runs ORDER BY slot`
const figure = async (metrics: Metrics, name: string) =>
  (await metrics.registry.getSingleMetric(name)?.get())?.values ?? []

const imbalance = async (metrics: Metrics) => (await figure(metrics, 'baywire_ledger_imbalance'))[0]?.value

const agree = ({ metrics }: { metrics: Metrics }, wanted: number) =>
  eventually(`imbalance ${wanted}`, async () => (await imbalance(metrics)) === wanted)
const untilStopped: Job['work'] = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))

describe('a slot', () => {
  test('is claimed once, of twenty at once, and not again when it was run', async () => {
    const claims = await Promise.all(Array.from({ length: 20 }, (_, n) => claim(`process ${n}`)))
    const [own, ...others] = claims.filter((it) => it !== undefined)
    expect(others).toEqual([])
    expect(await claim(), 'while it runs').toBeUndefined()
    await finish(own?.runId)
    expect(await claim(), 'when it was run').toBeUndefined()
  })

  test('that failed waits for the next', async () => {
    await finish((await claim())?.runId, 'failed')
    expect(await claim()).toBeUndefined()
  })

  test('is claimed again when its process is gone, whose run then counts no more', async () => {
    const first = await claim('one')
    expect(await baywire.system.withSystem((tx) => renewLease(tx, first?.runId ?? ''))).toBe(true)
    await baywire.sql`UPDATE job_runs SET lease_until = now() - interval '1 ms'`
    const second = await claim('two')
    expect(second?.slot).toBe(first?.slot)
    expect(await baywire.system.withSystem((tx) => renewLease(tx, first?.runId ?? '')), 'the first').toBe(false)
    await finish(first?.runId, 'failed')
    expect([...(await runs())]).toEqual([{ result: null, process: 'two' }])
    await finish(second?.runId)
    expect([...(await runs())]).toEqual([{ result: 'succeeded', process: 'two' }])
  })

  test.each([
    { hours: 25, runsMore: 1 },
    { hours: 2, runsMore: 1 },
    { hours: -24, runsMore: 1 },
  ])('a clock set by $hours h makes at most one more run', async ({ hours, runsMore }) => {
    await finish((await claim())?.runId)
    await setClock(hours)
    const claims = [await claim()]
    await finish(claims[0]?.runId)
    claims.push(await claim(), await claim())
    expect(claims.filter((it) => it !== undefined).length).toBeLessThanOrEqual(runsMore)
  })

  test('a run from before the clock was set back holds nobody up', async () => {
    await claim('gone')
    await setClock(-24)
    expect(await claim('here')).toBeDefined()
    expect((await runs()).map(({ result }) => result)).toEqual([null, 'lost'])
  })

  test('rows are kept for a week, and the last good one for as long as none is better', async () => {
    const old = async (days: number, result: string) => {
      await baywire.sql`
        INSERT INTO job_runs (job, slot, run_id, process, started_at, lease_until, finished_at, result, next_at)
        SELECT 'old', at, gen_random_uuid(), 'one', at, at, at, ${result}, at FROM (SELECT now() - ${days} * interval '1 day' AS at) n`
    }
    for (const [days, result] of [
      [20, 'succeeded'],
      [15, 'succeeded'],
      [10, 'failed'],
      [9, 'found'],
      [1, 'found'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      await old(days, result)
    }
    expect(await baywire.system.withSystem(removeOldRuns)).toBe(3)
    const [state] = await baywire.system.withSystem((tx) => readJobStates(tx, ['old']))
    expect(state).toMatchObject({ last: { result: 'found' }, lastGood: { result: 'succeeded' } })
  })
})

describe('processes', () => {
  test('run a slot once, and all of them show when it last succeeded', async () => {
    let ran = 0
    const job: Job = {
      ...slot,
      work: async () => {
        ran += 1
        return { result: 'succeeded', detail: { swept: 3 } }
      },
    }
    const processes = [process([job]), process([job]), process([job])]
    await eventually('the run', async () => (await runs())[0]?.result === 'succeeded')
    processes.push(process([job]))
    const name = 'baywire_job_last_success_timestamp_seconds'
    await eventually(
      'the figure of the last',
      async () => (await figure(processes.at(-1)?.metrics as Metrics, name)).length,
    )
    expect(ran).toBe(1)
    expect(await runs()).toHaveLength(1)
  })

  test('a failure is counted and named, and the lease is let go at a stop', async () => {
    const failing: Job = { ...slot, work: () => Promise.reject(new Error('no broom')) }
    const unending: Job = { job: 'wait', intervalMs: hourMs, work: untilStopped }
    const { slots, metrics } = process([failing, unending])
    await eventually('the failure', () => slots.failed.length > 0)
    expect(slots.failed).toEqual([slot.job])
    expect(slots.trouble).toBeUndefined()
    expect(await figure(metrics, 'baywire_job_runs_total')).toMatchObject([{ value: 1, labels: { result: 'failed' } }])
    await eventually('the other one', async () => (await runs()).length === 2)
    await slots.stop()
    const other = await baywire.system.withSystem((tx) => claimSlot(tx, unending, 'another'))
    expect(other).toBeDefined()
  })
})

describe('the books', () => {
  const job: Job = { job: 'books', intervalMs: 100, work: reconcileBooks }

  test('a row that was tampered with is found, by every process, and until it is mended', async () => {
    const tenantId = await baywire.tenant('tampered', ['A1'])
    const before = process([job])
    await eventually('a good run', async () => (await runs()).some(({ result }) => result === 'succeeded'))
    await agree(before, 0)
    await before.slots.stop()
    // As if none had been good for hours: all that arrived since is looked at.
    await setClock(3)
    baywire.clock.set(Date.now() - 2 * hourMs)
    await baywire.deliver('parking/v1/tampered/devices/A1/reading', { occupied: true, seq: 1, boot: 1 })
    await baywire.sql`UPDATE readings SET outcome = 'duplicate' WHERE tenant_id = ${tenantId}`
    const one = process([job])
    await agree(one, 2)
    // Its process dies in the middle of a run, after one that failed: the last word on the books still holds.
    await one.slots.stop()
    await baywire.sql`
      INSERT INTO job_runs (job, slot, run_id, process, started_at, lease_until, finished_at, result, next_at)
      SELECT 'books', now() + n * interval '1 s', gen_random_uuid(), 'one', now(), now(), now(), result, now()
      FROM (VALUES (1, 'failed'), (2, 'lost')) AS r (n, result)`
    const busy = process([{ ...job, work: untilStopped }])
    await agree(busy, 2)
    await busy.slots.stop()
    const [two, three] = [process([job]), process([job])]
    await agree(two, 2)
    const states = await baywire.system.withSystem((tx) => readJobStates(tx, ['books']))
    expect(states).toMatchObject([{ lastWord: { result: 'found' }, lastGood: { result: 'succeeded' } }])

    await baywire.sql`UPDATE readings SET outcome = 'applied' WHERE tenant_id = ${tenantId}`
    await Promise.all([agree(two, 0), agree(three, 0)])
  })
})
