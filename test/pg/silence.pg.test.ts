/** A server that is still connected and says nothing any more: whoever waits for it is told, and the next try works. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { start } from '../../src/cli/start/start.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { connect } from '../../src/store/client.ts'
import { withoutTimeout } from '../../src/store/retention.ts'
import { systemDatabase, type SystemDatabase } from '../../src/store/transactions.ts'
import { Cable } from '../chaos/support/cable.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/program.ts'

let own: TestDatabase
let cable: Cable
let database: SystemDatabase

beforeAll(async () => {
  own = await createTestDatabase()
  cable = await Cable.to(Number(new URL(inject('serverUrl')).port))
  const url = new URL(own.ownerUrl)
  url.port = String(cable.port)
  database = systemDatabase({ url: url.href, max: 1, statementTimeoutMs: 200, name: 'test silence' })
})

afterAll(async () => {
  await database.close()
  cable.close()
  await own.drop()
})

/** Longer than the clients of this file wait for an answer: only a timer can tell that. */
const longS = 2.4

const one = () => database.withSystem(async (tx) => (await tx<{ one: number }[]>`SELECT ${1}::int AS one`)[0]?.one)

test('before a transaction', async () => {
  expect(await one()).toBe(1)
  cable.fallSilent()
  await expect(one()).rejects.toMatchObject({ code: 'ETIMEDOUT' })
  expect(await one()).toBe(1)
})

test('in a transaction, while a new statement is described', async () => {
  const work = database.withSystem(async (tx) => {
    await tx`SELECT 1`
    cable.fallSilent()
    await tx`SELECT ${'new'}::text AS it`
  })
  // postgres.js says so of a statement that it has not sent to its end.
  await expect(work).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  expect(await one()).toBe(1)
})

test('a connection that owes no answer is kept', async () => {
  expect(await one()).toBe(1)
  const before = cable.joined
  // Longer than an answer may be owed; only a timer of the same length can tell that.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(await one()).toBe(1)
  expect(cable.joined).toBe(before)
})

test('a transaction whose client says nothing is ended by the server', async () => {
  const [setting] = await database.withSystem(
    (tx) => tx<{ setting: string }[]>`SELECT current_setting('idle_in_transaction_session_timeout') AS setting`,
  )
  expect(setting?.setting).toBe('200ms')
})

test('a patient client waits for a statement without a limit, and the others have theirs', async () => {
  const patient = systemDatabase({
    url: own.ownerUrl,
    max: 1,
    statementTimeoutMs: 200,
    name: 'test patience',
    patient: true,
  })
  try {
    const work = patient.withSystem(async (tx) => {
      await withoutTimeout(tx)
      await tx`SELECT pg_sleep(${longS})`
      // As whoever folds for longer than a statement may run.
      await new Promise((resolve) => setTimeout(resolve, 400))
      return (await tx<{ one: number }[]>`SELECT 1 AS one`)[0]?.one
    })
    expect(await work).toBe(1)
    await expect(patient.withSystem((tx) => tx`SELECT pg_sleep(10)`)).rejects.toMatchObject({ code: '57014' })
  } finally {
    await patient.close()
  }
})

test('a job that waits longer than a statement may run comes to its end', async () => {
  const sql = connect({ url: own.ownerUrl, max: 2, statementTimeoutMs: 20_000, name: 'test owner' })
  const config = readConfig({ DATABASE_URL: own.ownerUrl, BAYWIRE_STATEMENT_TIMEOUT_MS: '1000' })
  const books = () => sql<{ result: string | null }[]>`SELECT result FROM job_runs WHERE job = 'books'`
  const program = await sql.begin(async (tx) => {
    await tx`LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE`
    const started = await start(config, { roles: ['jobs'], log: createLog({ level: 'silent' }) })
    await eventually('the books, which wait', async () => {
      const waiting = await tx`SELECT FROM pg_locks WHERE relation = 'ledger_entries'::regclass AND NOT granted`
      return waiting.length > 0
    })
    await tx`SELECT pg_sleep(${1 + longS})`
    return { started }
  })
  try {
    const [run] = await eventually('the end of the run', async () => {
      const runs = await books()
      return runs.length > 0 && runs.every(({ result }) => result !== null) && runs
    })
    expect(run).toEqual({ result: 'succeeded' })
  } finally {
    await program.started.stop()
    await sql.end({ timeout: 5 })
  }
})
