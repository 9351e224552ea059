import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { connect, type Sql } from '../../src/store/client.ts'
import { insertion, type ForeignKey, type Row } from '../support/catalogue-rows.ts'
import { createTestDatabase } from '../support/database.ts'
import { say } from '../support/say.ts'
import { makeWorld, type World } from '../support/tenant-world.ts'
import { accountTables } from './support/walls.ts'

/** References cannot leave their tenant, and tell nobody whether what they point at exists elsewhere (G-T5). */
let owner: Sql
let world: World

beforeAll(async () => {
  const database = await createTestDatabase()
  owner = connect({ url: database.ownerUrl, max: 1, statementTimeoutMs: 30_000, name: 'references' })
  world = await makeWorld(owner)
  return async () => {
    await owner.end({ timeout: 1 })
    await database.drop()
  }
})

test('each reference from the table of a tenant to that of another carries the tenant', () => {
  const loose = world.maker.foreignKeys
    .filter(
      ({ table, parent }) =>
        parent !== 'tenants' && !accountTables.includes(parent) && world.maker.columnsOf(table).includes('tenant_id'),
    )
    .filter(
      ({ columns, parentColumns }) =>
        columns.indexOf('tenant_id') !== parentColumns.indexOf('tenant_id') || !columns.includes('tenant_id'),
    )
  expect(loose.map(({ name }) => name)).toEqual([])
})

/** What inserting a row ends with where no row of its table is in the way. */
async function outcomeOf(table: string, row: Row): Promise<string> {
  const undo = Object.assign(new Error('undo'), { code: 'accepted' })
  return await owner
    .begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`
      await tx.unsafe(`DELETE FROM "${table}"`)
      await tx`SET LOCAL session_replication_role = origin`
      await tx.unsafe(insertion(table, row))
      throw undo
    })
    .catch((error: Error & { code?: string }) => error.code ?? error.message)
}

function pointing(row: Row, { columns, parentColumns }: ForeignKey, at: Row): Row {
  const target = columns
    .map((column, place) => [column, at[parentColumns[place] ?? '']] as const)
    .filter(([column]) => column !== 'tenant_id')
  return { ...row, ...Object.fromEntries(target) }
}

test("pointing at another tenant's row and at none ends alike, for each composite reference", async () => {
  const composite = world.maker.foreignKeys.filter(({ columns }) => columns.length > 1)
  expect(composite.length).toBeGreaterThan(7)
  const wrong: string[] = []
  for (const key of composite) {
    const { one, two, maker } = world
    const own = one.rows.get(key.parent) ?? {}
    const row = maker.make(key.table, { tenantId: one.id, marker: one.marker, parents: one.rows })
    const missing = Object.fromEntries(Object.keys(own).map((column) => [column, newId()]))
    const outcomes = {
      own: await outcomeOf(key.table, pointing(row, key, own)),
      foreign: await outcomeOf(key.table, pointing(row, key, two.rows.get(key.parent) ?? {})),
      missing: await outcomeOf(key.table, pointing(row, key, missing)),
    }
    const { foreign } = outcomes
    if (outcomes.own !== 'accepted' || foreign !== '23503' || foreign !== outcomes.missing) {
      wrong.push(`${key.name}: ${JSON.stringify(outcomes)}`)
    }
  }
  expect(wrong).toEqual([])
  say(`references: ${composite.length} composite keys, ${composite.length * 3} cases`)
})

test('a key names a member of its own tenant, and tells nobody who is one of another', async () => {
  const { one, two, maker } = world
  const row = maker.make('api_keys', { tenantId: one.id, marker: one.marker, parents: one.rows })
  const outcome = (userId: unknown) => outcomeOf('api_keys', { ...row, created_by: userId })
  expect(await outcome(row['created_by'])).toBe('accepted')
  expect(await outcome(two.rows.get('users')?.['id'])).toBe('23503')
  expect(await outcome(newId())).toBe('23503')
})
