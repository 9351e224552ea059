import { sql } from 'drizzle-orm'
import { execute, type AnyTenantTransaction } from './statement.ts'

/** Answers to requests that carried an Idempotency-Key: each kept in the transaction of the effect that it tells of. */
export interface IdempotencyScope {
  readonly principal: string
  readonly method: string
  readonly route: string
  readonly key: string
}

export interface KeptAnswer {
  readonly fingerprint: Buffer
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Null where it showed a secret, which is not kept. */
  readonly body: Buffer | null
}

/**
 * Takes the lease of a key until this transaction ends, however it does: with the process or its connection too.
 * @returns false where another request has it: nobody waits here, holding a connection
 */
export async function leaseKey(tx: AnyTenantTransaction, scope: IdempotencyScope): Promise<boolean> {
  const name = JSON.stringify([tx.tenantId, scope.principal, scope.method, scope.route, scope.key])
  const [row] = await execute<{ leased: boolean }>(
    tx,
    sql`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as leased`,
  )
  return row?.leased === true
}

export async function keptAnswer(tx: AnyTenantTransaction, scope: IdempotencyScope): Promise<KeptAnswer | undefined> {
  const [row] = await execute<{ fingerprint: Buffer; status: number; headers: string; body: Buffer | null }>(
    tx,
    sql`
    select fingerprint, status, headers::text as headers, body from idempotency_keys
    where principal = ${scope.principal} and method = ${scope.method} and route = ${scope.route} and key = ${scope.key}
      and tenant_id = ${tx.tenantId} and created_at > now() - interval '24 hours' and status is not null`,
  )
  return row && { ...row, headers: JSON.parse(row.headers) as Record<string, string> }
}

/** In place of one that is there no longer, and was not swept yet. */
export async function keepAnswer(
  tx: AnyTenantTransaction,
  scope: IdempotencyScope,
  { fingerprint, status, headers, body }: KeptAnswer,
): Promise<void> {
  await execute(
    tx,
    sql`
    insert into idempotency_keys (tenant_id, principal, method, route, key, fingerprint, lease_until, status, headers, body)
    values (${tx.tenantId}, ${scope.principal}, ${scope.method}, ${scope.route}, ${scope.key}, ${fingerprint}, now(),
      ${status}, ${JSON.stringify(headers)}::text::jsonb, ${body})
    on conflict (tenant_id, principal, method, route, key) do update set
      fingerprint = excluded.fingerprint, lease_until = excluded.lease_until, status = excluded.status,
      headers = excluded.headers, body = excluded.body, created_at = now()`,
  )
}
