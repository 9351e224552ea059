import type { CredentialKind } from './credentials.ts'
import type { SystemTransaction } from './transactions.ts'

/** All credentials in force of the tenants that are not suspended, for a broker that checks them itself. */
export interface BrokerCredential {
  tenant: string
  kind: CredentialKind
  code: string
  verifier: string
}

/**
 * A text that is another one whenever the credentials in force are others. It costs the database one pass over them
 * and the network nothing, so that it can be asked every few seconds.
 */
export async function credentialsFingerprint(tx: SystemTransaction): Promise<string> {
  const [row] = await tx<{ count: string; digest: string | null }[]>`
    SELECT count(*)::text AS count,
      bit_xor(hashtextextended(concat_ws('/', tenants.slug, credentials.kind, credentials.code, verifier), 0))::text AS digest
    FROM credentials JOIN tenants ON tenants.id = credentials.tenant_id
    WHERE credentials.revoked_at IS NULL AND tenants.suspended_at IS NULL`
  return `${row?.count} ${row?.digest}`
}

/** In an order that does not depend on when they were made, so that equal credentials give equal files. */
export async function readCredentials(tx: SystemTransaction): Promise<BrokerCredential[]> {
  return await tx<BrokerCredential[]>`
    SELECT tenants.slug AS tenant, credentials.kind, credentials.code, verifier
    FROM credentials JOIN tenants ON tenants.id = credentials.tenant_id
    WHERE credentials.revoked_at IS NULL AND tenants.suspended_at IS NULL
    ORDER BY tenants.slug COLLATE "C", credentials.kind, credentials.code COLLATE "C"`
}
