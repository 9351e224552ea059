import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { releaseLease, takeLease } from '../../src/store/leases.ts'
import { systemDatabase, type SystemDatabase } from '../../src/store/transactions.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let owner: Sql
let system: SystemDatabase
const ttlMs = 60_000

beforeAll(async () => {
  database = await createTestDatabase()
  const common = { url: database.ownerUrl, max: 8, statementTimeoutMs: 20_000 }
  owner = connect({ ...common, name: 'test owner' })
  system = systemDatabase({ ...common, name: 'test' })
})
afterAll(async () => {
  await system.close()
  await owner.end({ timeout: 1 })
  await database.drop()
})

const take = (name: string, holder: string) => system.withSystem((tx) => takeLease(tx, { name, holder, ttlMs }))
const release = (name: string, holder: string) => system.withSystem((tx) => releaseLease(tx, { name, holder }))
const holderOf = async (name: string) => (await owner`select holder from leases where name = ${name}`)[0]?.['holder']

it('is had by one of many that ask at once, who may renew it', async () => {
  const holders = Array.from({ length: 20 }, (_, index) => `holder ${index}`)
  const taken = await Promise.all(holders.map((holder) => take('many', holder)))
  expect(taken.filter(Boolean)).toHaveLength(1)
  const holder = holders[taken.indexOf(true)] ?? ''
  expect(await holderOf('many')).toBe(holder)
  const [before] = await owner`select expires_at from leases where name = 'many'`
  expect(await take('many', holder)).toBe(true)
  const [after] = await owner`select expires_at from leases where name = 'many'`
  expect(after?.['expires_at'] >= before?.['expires_at']).toBe(true)
})

it('is another one’s when it has run out, and not the earlier holder’s any more', async () => {
  expect(await take('late', 'first')).toBe(true)
  expect(await take('late', 'second')).toBe(false)
  await owner`update leases set expires_at = now() - interval '1 ms' where name = 'late'`
  expect(await take('late', 'second')).toBe(true)
  expect(await take('late', 'first')).toBe(false)
  await release('late', 'first')
  expect(await holderOf('late')).toBe('second')
})

it('is free at once when it is given back, and nobody is held up by one from before the clock was set back', async () => {
  await take('given', 'first')
  await release('given', 'first')
  expect(await take('given', 'second')).toBe(true)
  await owner`update leases set expires_at = now() + interval '1 day' where name = 'given'`
  expect(await take('given', 'third')).toBe(true)
})
