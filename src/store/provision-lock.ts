import { setTimeout } from 'node:timers/promises'
import { sql, type SQL } from 'drizzle-orm'
import { execute, type AnyTenantTransaction } from './statement.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Whatever makes places, devices or credentials of a tenant holds this lock until COMMIT: two that run at once
 * then see each other's rows instead of waiting for them row by row. It is taken before any row's lock.
 */
const lockOf = (tx: AnyTenantTransaction): SQL => sql`hashtext('baywire.provision'), hashtext(${tx.tenantId})`

/** Waits for the lock: for commands, and for whoever has it already. */
export async function lockProvisioning(tx: TenantTransaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${lockOf(tx)})`)
}

export class ProvisioningHeldError extends Error {
  constructor() {
    super('somebody else makes places, devices or credentials of the tenant')
    this.name = 'ProvisioningHeldError'
  }
}

/**
 * The same for requests: all tenants share a few connections, and nobody waits here, holding one.
 * @throws ProvisioningHeldError where another transaction has the lock; see `awaitingProvisioning`
 */
export async function takeProvisioning(tx: AnyTenantTransaction): Promise<void> {
  const [row] = await execute<{ taken: boolean }>(tx, sql`select pg_try_advisory_xact_lock(${lockOf(tx)}) as taken`)
  if (row?.taken !== true) throw new ProvisioningHeldError()
}

/** Less than a request waits for the database. */
const longestWaitMs = 8000
const pauseMs = 10
const longestPauseMs = 400

/** Runs a transaction, and again where another one has the lock, after pauses that grow and in which it has no connection. */
export async function awaitingProvisioning<T>(transaction: () => Promise<T>, longestMs = longestWaitMs): Promise<T> {
  const until = performance.now() + longestMs
  for (let tries = 1; ; tries += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      return await transaction()
    } catch (error) {
      if (!(error instanceof ProvisioningHeldError) || performance.now() >= until) throw error
      const longest = Math.min(pauseMs * 2 ** tries, longestPauseMs)
      // oxlint-disable-next-line no-await-in-loop -- as above
      await setTimeout(longest * (0.5 + Math.random() / 2))
    }
  }
}
