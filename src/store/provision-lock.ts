import { setTimeout } from 'node:timers/promises'
import { sql, type SQL } from 'drizzle-orm'
import { execute, type AnyTenantTransaction } from './statement.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Whatever makes places, devices or credentials of a tenant holds this lock until COMMIT: two that run at once
 * then see each other's rows instead of waiting for them row by row. So does what changes a place or the tenant, since
 * each change of a place raises a number in the row of the tenant. It is taken before any row's lock.
 */
const lockOf = (tx: AnyTenantTransaction): SQL => sql`hashtext('baywire.provision'), hashtext(${tx.tenantId})`

/** Waits for the lock: for commands, and for whoever has it already. */
export async function lockProvisioning(tx: TenantTransaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${lockOf(tx)})`)
}

export class ProvisioningHeldError extends Error {
  constructor() {
    super('somebody else makes or changes places, devices or credentials of the tenant')
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

export interface ProvisioningWait {
  /** Whose connections are spared: all who share them wait in one line for each tenant. */
  readonly tenants: object
  readonly tenantId: string
  /** Less than a request waits for the database. */
  readonly longestMs?: number | undefined
}

const pauseMs = 20

/**
 * Runs a transaction, and again where another one has the lock. Those of a tenant who found it taken try again one after
 * the other, in the order in which they came, so that many who wait cost no more than one; in pauses nobody has a connection.
 */
export async function awaitingProvisioning<T>(
  { tenants, tenantId, longestMs = 8000 }: ProvisioningWait,
  transaction: () => Promise<T>,
): Promise<T> {
  const until = performance.now() + longestMs
  try {
    return await transaction()
  } catch (error) {
    if (!(error instanceof ProvisioningHeldError)) throw error
    return await inLine({ tenants, tenantId }, () => tryingUntil(until, transaction))
  }
}

async function tryingUntil<T>(until: number, transaction: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      return await transaction()
    } catch (error) {
      if (!(error instanceof ProvisioningHeldError) || performance.now() >= until) throw error
      // oxlint-disable-next-line no-await-in-loop -- as above
      await setTimeout(pauseMs * (0.5 + Math.random()))
    }
  }
}

/** The last of each tenant's line. */
const lines = new WeakMap<object, Map<string, Promise<unknown>>>()

async function inLine<T>({ tenants, tenantId }: ProvisioningWait, work: () => Promise<T>): Promise<T> {
  const line = lines.get(tenants) ?? new Map<string, Promise<unknown>>()
  lines.set(tenants, line)
  const result = (line.get(tenantId) ?? Promise.resolve()).then(work)
  const over = result.catch(() => {})
  line.set(tenantId, over)
  try {
    return await result
  } finally {
    if (line.get(tenantId) === over) line.delete(tenantId)
  }
}
