import { sql } from 'drizzle-orm'
import type { SystemTransaction, TenantTransaction } from './transactions.ts'

/** A space as people name it: by its code, and where that is not enough, by its site's. */
export interface NamedSpace extends Record<string, unknown> {
  id: string
  site: string
  space: string
  /** Of its site. */
  timezone: string
}

/** So many are told apart at most. */
const mostNamed = 50

export async function selectSpacesNamed(
  tx: TenantTransaction,
  { site, space }: { site: string | undefined; space: string },
): Promise<NamedSpace[]> {
  return await tx.execute<NamedSpace>(sql`
    select p.id, i.code as site, p.code as space, i.timezone
    from spaces p join sites i on i.tenant_id = p.tenant_id and i.id = p.site_id
    where p.tenant_id = ${tx.tenantId} and p.archived_at is null and p.code = ${space}
      ${site === undefined ? sql`` : sql`and i.code = ${site}`}
    order by i.code limit ${mostNamed}`)
}

/** The tenants that have a space of this code. */
export async function findTenantsOfSpace(tx: SystemTransaction, space: string): Promise<string[]> {
  const rows = await tx<{ slug: string }[]>`
    SELECT DISTINCT t.slug FROM spaces p JOIN tenants t ON t.id = p.tenant_id
    WHERE p.code = ${space} AND p.archived_at IS NULL ORDER BY t.slug LIMIT ${mostNamed}`
  return rows.map(({ slug }) => slug)
}
