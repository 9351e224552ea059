import { beforeAll, describe, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { createTestDatabase } from '../support/database.ts'
import { say } from '../support/say.ts'
import { makeWorld, type World } from '../support/tenant-world.ts'
import { failedProbes, prepareProbes, probesOf } from './support/probes.ts'

/**
 * Each wall that holds the api back is taken down, one at a time, and the probes must notice it (G-T3): a wall whose fall
 * nobody notices is one that nobody tests.
 */
let owner: Sql
let world: World

beforeAll(async () => {
  const database = await createTestDatabase()
  owner = connect({ url: database.ownerUrl, max: 1, statementTimeoutMs: 30_000, name: 'mutants' })
  world = await makeWorld(owner)
  return async () => {
    await owner.end({ timeout: 1 })
    await database.drop()
  }
})

interface Mutant {
  name: string
  table: string
  statement: string
}

interface Policy {
  name: string
  table: string
  command: string
  using: string | null
  check: string | null
}

async function policiesOfTheApi(sql: Sql): Promise<Policy[]> {
  return await sql<Policy[]>`
    SELECT polname AS name, polrelid::regclass::text AS table, polcmd AS command,
      pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS check
    FROM pg_policy WHERE polroles && ARRAY['baywire_api'::regrole::oid, 0::oid] ORDER BY 2, 1`
}

/** A policy that lets everything through already has no mutant that lets more through. */
function mutantsOf({ name, table, using, check }: Policy): Mutant[] {
  const on = `"${name}" ON "${table}"`
  return [
    { name: `${name} dropped`, table, statement: `DROP POLICY ${on}` },
    ...(using === null || using === 'true'
      ? []
      : [{ name: `${name} USING (true)`, table, statement: `ALTER POLICY ${on} USING (true)` }]),
    ...(check === null || check === 'true'
      ? []
      : [{ name: `${name} WITH CHECK (true)`, table, statement: `ALTER POLICY ${on} WITH CHECK (true)` }]),
  ]
}

/** Runs the work in a transaction that leaves nothing behind, with probes ready. */
async function undone<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
  const undo = new Error('undo')
  let result: T | undefined
  await owner
    .begin(async (transaction) => {
      const tx = transaction as unknown as Sql
      await prepareProbes(tx)
      result = await work(tx)
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return result as T
}

async function mutated<T>(tx: Sql, statement: string, work: () => Promise<T>): Promise<T> {
  await tx`SAVEPOINT mutant`
  await tx.unsafe(statement)
  const result = await work()
  await tx`ROLLBACK TO SAVEPOINT mutant`
  return result
}

describe('the policies of the api', () => {
  test('give each probe its right answer', async () => {
    const probes = world.maker.tables.flatMap((table) => probesOf(table, world))
    expect(await undone((tx) => failedProbes(tx, probes))).toEqual([])
    expect(probes.length).toBeGreaterThan(500)
  })

  test('are each noticed when mutated or gone', async () => {
    const mutants = [
      ...(await policiesOfTheApi(owner)).flatMap(mutantsOf),
      ...world.maker.tables.map((table) => ({
        name: 'row level security off',
        table,
        statement: `ALTER TABLE "${table}" DISABLE ROW LEVEL SECURITY`,
      })),
    ]
    const { cases, survivors } = await undone(async (tx) => {
      const tally = { cases: 0, survivors: new Array<string>() }
      for (const { name, table, statement } of mutants) {
        const probes = probesOf(table, world)
        tally.cases += probes.length
        const failed = await mutated(tx, statement, () => failedProbes(tx, probes))
        if (failed.length === 0) tally.survivors.push(`${table}: ${name}`)
      }
      return tally
    })
    expect(survivors).toEqual([])
    expect(mutants.length).toBeGreaterThan(100)
    say(`policy mutants: ${mutants.length} caught of ${mutants.length}, ${cases} cases`)
  })
})

/** How many rows the owner of a table sees. */
async function seenByOwner(tx: Sql, table: string): Promise<string | undefined> {
  const statement = `SELECT * FROM "${table}"`
  const [row] = await tx<{ answer: string }[]>`SELECT probes.attempt('probe_owner', '', '', ${statement}) AS answer`
  return row?.answer
}

test('security that is forced holds the owner of a table, and one that is not does not', async () => {
  const { tables } = world.maker
  const found = await undone(async (tx) => {
    await tx`CREATE ROLE probe_owner NOLOGIN NOSUPERUSER NOBYPASSRLS`
    await tx`GRANT ALL ON SCHEMA public TO probe_owner`
    const wrong: string[] = []
    for (const table of tables) {
      await tx.unsafe(`ALTER TABLE "${table}" OWNER TO probe_owner`)
      const forced = await seenByOwner(tx, table)
      if (forced !== '0') wrong.push(`${table}: its owner sees ${forced}`)
      const statement = `ALTER TABLE "${table}" NO FORCE ROW LEVEL SECURITY`
      const free = await mutated(tx, statement, () => seenByOwner(tx, table))
      if (free !== '3') wrong.push(`${table}: not forced, and its owner sees ${free}`)
    }
    return wrong
  })
  expect(found).toEqual([])
  say(`forced row level security: ${tables.length} mutants caught of ${tables.length}`)
})
