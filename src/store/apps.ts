import { sql } from 'drizzle-orm'
import type { PageOfCodes } from './public.ts'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

/** An app, which is no more than its credentials. */
export interface App extends Record<string, unknown> {
  code: string
  /** When its first credential was made. */
  created_at: string
  /** Of the credential in force; null where it was revoked. */
  credential_since: string | null
}

/** By code. */
export async function selectApps(
  tx: TenantTransaction,
  { after, limit, code }: PageOfCodes & { code?: string | undefined },
): Promise<App[]> {
  return await tx.execute<App>(sql`
    select code, ${rfc3339(sql`min(created_at)`)} as created_at,
      ${rfc3339(sql`max(created_at) filter (where revoked_at is null)`)} as credential_since
    from credentials where tenant_id = ${tx.tenantId} and kind = 'apps'
      ${after === undefined ? sql`` : sql`and code > ${after}`}
      ${code === undefined ? sql`` : sql`and code = ${code}`}
    group by code order by code limit ${limit}`)
}
