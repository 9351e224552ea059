/** Two processes with the jobs role, one of them killed in the middle of a run: the other takes the run over. */
import postgres from 'postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, type Program } from '../support/program.ts'
import { expectSound } from '../e2e/support/books.ts'
import { Home } from '../e2e/support/home.ts'

let home: Home
let sql: postgres.Sql
beforeAll(async () => {
  home = await Home.create()
  await home.start(['start', 'ingest', 'api'])
  sql = postgres(await home.databaseUrl(), { max: 2 })
})
afterAll(async () => {
  await sql.end({ timeout: 5 })
  await home.remove()
})

const runs = () =>
  sql<{ job: string; process: string; result: string | null }[]>`SELECT job, process, result FROM job_runs`

it('hands a run over when its process is killed', async () => {
  await home.json([
    'simulate',
    '--tenant',
    'shared',
    '--provision',
    '--spaces',
    '5',
    '--messages',
    '50',
    '--rate',
    'max',
  ])
  const jobs = new Map<string, Program>()
  // While the log is locked, nobody can compare the books: whoever has begun to is in the middle of it.
  const killed = await sql.begin(async (tx) => {
    await tx`LOCK TABLE readings IN ACCESS EXCLUSIVE MODE`
    for (const name of ['one', 'two']) jobs.set(name, home.spawn(['start', 'jobs'], { BAYWIRE_INSTANCE: name }))
    const running = await eventually('a run of the books', async () =>
      (await runs()).find(({ job, result }) => job === 'books' && result === null),
    )
    await eventually('the other jobs', async () => {
      const begun = new Set((await runs()).map(({ job }) => job))
      return ['deadlines', 'leftovers', 'partitions', 'retention'].every((job) => begun.has(job))
    })
    const name = running.process.split('/')[0] ?? ''
    await jobs.get(name)?.kill()
    return name
  })
  const killedAt = performance.now()
  const taken = await eventually('a run of the other process', async () =>
    (await runs()).find(
      ({ job, process, result }) => job === 'books' && result === 'succeeded' && !process.startsWith(killed),
    ),
  )
  if (process.env['TEST_FIGURES'] !== undefined)
    process.stderr.write(`taken over after ${((performance.now() - killedAt) / 1000).toFixed(1)} s\n`)
  expect(taken.process).toMatch(killed === 'one' ? /^two\// : /^one\//)
  const slots = await sql`SELECT FROM job_runs WHERE job IN ('partitions', 'retention')`
  expect(slots.length, 'one run each, unless the hour ended meanwhile').toBeLessThanOrEqual(4)
  await expectSound(home, 'shared')
  for (const [name, program] of jobs) {
    // oxlint-disable-next-line no-await-in-loop
    if (name !== killed) expect(await program.stop()).toMatchObject({ code: 0 })
  }
})

interface ListedJob {
  job: string
  requested_at: string | null
  last_run: { result: string; requested_by: string | null } | null
}

it('is shown, and runs one by hand, in another process than the one that asks', async () => {
  const jobs = home.spawn(['start', 'jobs'])
  const list = async () => (await home.json<{ items: ListedJob[] }>(['jobs', 'list'])).items
  await eventually('all jobs to have run', async () => {
    const items = await list()
    return items.length >= 5 && items.every(({ last_run }) => last_run !== null)
  })
  const listed = await list()
  expect(listed.map(({ job }) => job)).toEqual(expect.arrayContaining(['books', 'deadlines', 'retention']))
  for (const { job } of listed) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const run = await home.json<ListedJob>(['jobs', 'run', job, '--wait', '60s'])
    expect(run).toMatchObject({ job, requested_at: null, last_run: { result: 'succeeded' } })
  }
  expect(await home.run(['jobs', 'list'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^job +last run/) })
  expect(await home.run(['jobs', 'run', 'gardening'])).toMatchObject({ code: 1 })
  expect(await home.run(['jobs', 'run'])).toMatchObject({ code: 2 })
  expect(await jobs.stop()).toMatchObject({ code: 0 })
  expect(await home.run(['jobs', 'run', 'retention', '--wait', '1s'])).toMatchObject({ code: 1 })
})
