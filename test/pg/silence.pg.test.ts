/** A server that is still connected and says nothing any more: whoever waits for it is told, and the next try works. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { systemDatabase, type SystemDatabase } from '../../src/store/transactions.ts'
import { Cable } from '../chaos/support/cable.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

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
