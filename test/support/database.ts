import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { connect } from '../../src/store/client.ts'

export const TEMPLATE = 'baywire_template'

/** Any number: holds back those who copy the template at the same moment, which PostgreSQL would refuse. */
const COPY_LOCK = 4_711

export interface TestDatabase {
  /** As superuser; `connect` takes a role. */
  ownerUrl: string
  drop(): Promise<void>
}

/** A database of one's own, migrated and empty. One per test file, dropped at its end. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return await createDatabase(TEMPLATE)
}

/** A database of one's own with nothing in it. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return await createDatabase('template0')
}

export function onDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

async function createDatabase(template: string): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl')
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(serverUrl, `create database ${name} template ${template}`)
  return {
    ownerUrl: onDatabase(serverUrl, name),
    drop: () => onServer(serverUrl, `drop database if exists ${name} with (force)`),
  }
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const sql = connect({ url: serverUrl, max: 1, statementTimeoutMs: 30_000, name: 'baywire test' })
  try {
    await sql`select pg_advisory_lock(${COPY_LOCK})`
    await sql.unsafe(statement)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
