import type { SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { TenantTransaction, TenantWriterTransaction } from './transactions.ts'

/** Either kind of a tenant's transaction, for what both need in the same words. */
export type AnyTenantTransaction = TenantTransaction | TenantWriterTransaction

const dialect = new PgDialect()

/** JSON goes in as `::text::jsonb` and comes out as `::text`: the two clients neither write nor read it alike. */
export async function execute<Row extends Record<string, unknown>>(
  tx: AnyTenantTransaction,
  statement: SQL,
): Promise<readonly Row[]> {
  if (typeof tx !== 'function') return (await tx.execute(statement)) as unknown as Row[]
  const { sql, params } = dialect.sqlToQuery(statement)
  return await tx.unsafe<Row[]>(sql, params as never[], { prepare: true })
}

/** What `work` did is undone where it throws, and the transaction still goes on: also after a statement that failed. */
export async function inAttempt<Tx extends AnyTenantTransaction, T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  const { tenantId } = tx
  const within = (inner: object) => work(Object.assign(inner, { tenantId }) as unknown as Tx)
  if (typeof tx === 'function') return (await tx.savepoint(within)) as T
  return await tx.transaction(within)
}
