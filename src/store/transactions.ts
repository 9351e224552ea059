import { sql as fragment } from 'drizzle-orm'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { TransactionSql } from 'postgres'
import type { ConnectOptions } from './client.ts'
import { LastingClient } from './lasting-client.ts'

/**
 * The one door to the database: a query outside of a transaction of these kinds does not compile, because
 * only they hand out what the store's functions take.
 *
 * A tenant's transaction runs as `baywire_api` and sees the rows of one tenant; it is Drizzle's. So is one of the accounts.
 * A system transaction runs as `baywire_ingest` and sees all tenants; it is raw SQL, for the path that every
 * reading takes. They never share a client: Drizzle replaces the parsers of the one that it is given. A tenant's writer
 * transaction is raw SQL as well, and sees one tenant: for those of its people's actions that step spaces.
 */
declare const door: unique symbol

type DrizzleTransaction = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0]
export type TenantTransaction = DrizzleTransaction & { readonly [door]: { tenant: true }; readonly tenantId: string }
export type AccountTransaction = DrizzleTransaction & { readonly [door]: { accounts: true } }
export type SystemTransaction = TransactionSql & { readonly [door]: 'system' }
export type TenantWriterTransaction = TransactionSql & { readonly [door]: 'writer'; readonly tenantId: string }
/** Reads only, and all of it as of one moment: of all tenants, or of one. */
export type SnapshotTransaction = TransactionSql & { readonly [door]: 'system' | 'snapshot' }
/** What the one writer of spaces works in, whoever asks for it. */
export type SpaceTransaction = TransactionSql & { readonly [door]: 'system' | 'writer' }

export interface TenantDatabase {
  /** Runs `work` in one transaction that sees tenant `tenantId` alone. */
  withTenant<T>(tenantId: string, work: (tx: TenantTransaction) => Promise<T>): Promise<T>
  /** As `withTenant`, in raw SQL: for what steps spaces. */
  withTenantWriter<T>(tenantId: string, work: (tx: TenantWriterTransaction) => Promise<T>): Promise<T>
  /** As `withSnapshot` of the system, and sees tenant `tenantId` alone: for what folds its log again. */
  withTenantSnapshot<T>(tenantId: string, work: (tx: SnapshotTransaction) => Promise<T>): Promise<T>
  /**
   * Runs `work` in one transaction that sees people, their logins and where they belong, and nothing else of any tenant.
   * `enterTenant` makes it one of a tenant as well.
   */
  withAccounts<T>(work: (tx: AccountTransaction) => Promise<T>): Promise<T>
  /** Who a slug means: for requests and commands that do not know their tenant yet. */
  tenantBySlug(slug: string): Promise<{ id: string; public: boolean } | undefined>
  close(): Promise<void>
}

export interface SystemDatabase {
  /** @param options.fewRows for statements of at most some hundred rows that are to take little time: their plans are kept */
  withSystem<T>(work: (tx: SystemTransaction) => Promise<T>, options?: { fewRows?: boolean }): Promise<T>
  /** Reads only, and all of it as of one moment; partitions of the log are dropped only after it has ended. */
  withSnapshot<T>(work: (tx: SystemTransaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

type Options = Omit<ConnectOptions, 'role'>

/** Overrides and reservations step spaces: they leave connections to the others. */
const writerConnections = 4
/** A snapshot may be open for as long as a log is read: so many of them do not keep the others waiting. */
const snapshotConnections = 2

export function tenantDatabase(options: Options): TenantDatabase {
  let database: PostgresJsDatabase
  const client = new LastingClient({ ...options, role: 'baywire_api' }, (sql) => {
    database = drizzle(sql)
  })
  const writer = new LastingClient({
    ...options,
    max: Math.min(options.max, writerConnections),
    role: 'baywire_api',
  })
  const reader = new LastingClient({
    ...options,
    max: Math.min(options.max, snapshotConnections),
    role: 'baywire_api',
  })
  return {
    withTenant: (tenantId, work) =>
      database.transaction(async (tx) => {
        // Local to this transaction: nothing of it is left on a pooled connection.
        await tx.execute(fragment`select set_config('app.tenant', ${tenantId}, true)`)
        return await work(Object.assign(tx, { tenantId }) as TenantTransaction)
      }),
    withTenantWriter: (tenantId, work) =>
      writer.begin('', async (tx) => {
        await tx`SELECT set_config('app.tenant', ${tenantId}, true)`
        return await work(Object.assign(tx, { tenantId }) as TenantWriterTransaction)
      }),
    withTenantSnapshot: (tenantId, work) =>
      reader.begin(snapshotMode, async (tx) => {
        await keepPartitions(tx)
        await tx`SELECT set_config('app.tenant', ${tenantId}, true)`
        return await work(tx as unknown as SnapshotTransaction)
      }),
    withAccounts: (work) =>
      database.transaction(async (tx) => {
        await tx.execute(fragment`select set_config('app.door', 'accounts', true)`)
        return await work(tx as AccountTransaction)
      }),
    async tenantBySlug(slug) {
      try {
        const [row] = await database.execute<{ tenant_id: string; public: boolean }>(
          fragment`select tenant_id, public from tenant_by_slug(${slug})`,
        )
        return row && { id: row.tenant_id, public: row.public }
      } catch (error) {
        client.noteLoss(error)
        throw error
      }
    },
    async close() {
      await Promise.all([client.close(), writer.close(), reader.close()])
    },
  }
}

/** From here on the transaction sees the rows of this tenant too: to register one, or to join it. */
export async function enterTenant(
  tx: AccountTransaction,
  tenantId: string,
): Promise<TenantTransaction & AccountTransaction> {
  await tx.execute(fragment`select set_config('app.tenant', ${tenantId}, true)`)
  return Object.assign(tx, { tenantId }) as unknown as TenantTransaction & AccountTransaction
}

export function systemDatabase(options: Options): SystemDatabase {
  const client = new LastingClient({ ...options, role: 'baywire_ingest' })
  const ofFewRows = new LastingClient({ ...options, role: 'baywire_ingest', fewRows: true })
  return {
    withSystem: (work, { fewRows = false } = {}) =>
      (fewRows ? ofFewRows : client).begin('', (tx) => work(tx as SystemTransaction)),
    withSnapshot: (work) =>
      client.begin(snapshotMode, async (tx) => {
        await keepPartitions(tx)
        return await work(tx as SystemTransaction)
      }),
    async close() {
      await Promise.all([client.close(), ofFewRows.close()])
    },
  }
}

const snapshotMode = 'isolation level repeatable read read only'

/** Before the snapshot is taken: a partition that was dropped after it would be missing, and its checkpoints too. */
async function keepPartitions(tx: TransactionSql): Promise<void> {
  await tx`LOCK TABLE ONLY readings IN ACCESS SHARE MODE`
}
