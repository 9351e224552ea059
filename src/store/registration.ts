import { sql } from 'drizzle-orm'
import type { AccountTransaction, TenantTransaction } from './transactions.ts'

/**
 * Slugs of tenants while people register. A registration with an address that is taken makes no tenant, and yet holds the
 * slug for a while: otherwise whether the slug is free afterwards would tell whether the address was taken.
 */
const heldDays = 30

const heldKey = (slug: string) => `slug-held:${slug}`

/** Whether a tenant of this slug can be made. */
export async function isSlugFree(tx: AccountTransaction, slug: string): Promise<boolean> {
  const taken = await tx.execute(sql`
    select from tenants where slug = ${slug}
    union all select from rate_limits where key = ${heldKey(slug)} and expire > clock_timestamp()`)
  return taken.length === 0
}

/** False where somebody holds it. */
export async function holdSlug(tx: AccountTransaction, slug: string): Promise<boolean> {
  const held = await tx.execute(sql`
    insert into rate_limits as r (key, points, expire)
    values (${heldKey(slug)}, 1, clock_timestamp() + make_interval(days => ${heldDays}))
    on conflict (key) do update set expire = excluded.expire where r.expire <= clock_timestamp()
    returning key`)
  return held.length > 0
}

/** The tenant itself, in its own transaction, with its owner; false where the slug is taken. */
export async function insertOwnTenant(
  tx: TenantTransaction,
  { slug, name, ownerId }: { slug: string; name: string; ownerId: string },
): Promise<boolean> {
  const made = await tx.execute(sql`
    insert into tenants (id, slug, name) values (${tx.tenantId}, ${slug}, ${name})
    on conflict (slug) do nothing returning id`)
  if (made.length === 0) return false
  await tx.execute(sql`
    insert into memberships (tenant_id, user_id, role) values (${tx.tenantId}, ${ownerId}, 'owner')`)
  return true
}
