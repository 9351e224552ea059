import { and, asc, count, eq, gt, isNull, lte, or, sql } from 'drizzle-orm'
import { apiKeys } from './schema/members.ts'
import type { TenantTransaction } from './transactions.ts'

/** API keys of a tenant, as rows. */
export type ApiKeyRow = typeof apiKeys.$inferSelect

const ofTenant = (tx: TenantTransaction) => eq(apiKeys.tenantId, tx.tenantId)

/** By id, which is the order in which they were made. */
export async function listApiKeys(
  tx: TenantTransaction,
  { after, limit, revoked }: { after: string | undefined; limit: number; revoked: boolean | undefined },
): Promise<ApiKeyRow[]> {
  const state = revoked === undefined ? undefined : sql`(${apiKeys.revokedAt} is not null) = ${revoked}`
  return await tx
    .select()
    .from(apiKeys)
    .where(and(ofTenant(tx), state, after === undefined ? undefined : gt(apiKeys.id, after)))
    .orderBy(asc(apiKeys.id))
    .limit(limit)
}

export async function findApiKey(tx: TenantTransaction, id: string): Promise<ApiKeyRow | undefined> {
  const [row] = await tx
    .select()
    .from(apiKeys)
    .where(and(ofTenant(tx), eq(apiKeys.id, id)))
  return row
}

/** What it may do now, by its own scopes; nothing where it is revoked or has expired. */
export async function scopesInForce(tx: TenantTransaction, id: string): Promise<readonly string[]> {
  const [key] = await tx
    .select({ scopes: apiKeys.scopes })
    .from(apiKeys)
    .where(
      and(
        ofTenant(tx),
        eq(apiKeys.id, id),
        isNull(apiKeys.revokedAt),
        or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, sql`clock_timestamp()`)),
      ),
    )
  return key?.scopes ?? []
}

export async function countApiKeys(tx: TenantTransaction): Promise<number> {
  const [row] = await tx
    .select({ keys: count() })
    .from(apiKeys)
    .where(and(ofTenant(tx), isNull(apiKeys.revokedAt)))
  return row?.keys ?? 0
}

export async function insertApiKey(
  tx: TenantTransaction,
  row: Omit<typeof apiKeys.$inferInsert, 'tenantId'>,
): Promise<ApiKeyRow> {
  const [inserted] = await tx
    .insert(apiKeys)
    .values({ ...row, tenantId: tx.tenantId })
    .returning()
  if (inserted === undefined) throw new Error('no API key was inserted')
  return inserted
}

/** Undefined where its revision is another one, or it is revoked: then nothing was changed. */
export async function updateApiKey(
  tx: TenantTransaction,
  id: string,
  { revision, ...fields }: { revision: number; name?: string | undefined; scopes?: string[] | undefined },
): Promise<ApiKeyRow | undefined> {
  const [row] = await tx
    .update(apiKeys)
    .set({
      ...(fields.name === undefined ? {} : { name: fields.name }),
      ...(fields.scopes === undefined ? {} : { scopes: fields.scopes }),
      revision: revision + 1,
    })
    .where(and(ofTenant(tx), eq(apiKeys.id, id), eq(apiKeys.revision, revision), isNull(apiKeys.revokedAt)))
    .returning()
  return row
}

/** Undefined where it is revoked already. */
export async function revokeApiKey(tx: TenantTransaction, id: string): Promise<ApiKeyRow | undefined> {
  const [row] = await tx
    .update(apiKeys)
    .set({ revokedAt: sql`now()`, revision: sql`${apiKeys.revision} + 1` })
    .where(and(ofTenant(tx), eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
    .returning()
  return row
}

/** Only if it was not done within the last minute: by the one column, whatever else changes meanwhile. */
export async function noteApiKeyUse(
  tx: TenantTransaction,
  { id, at, unlessAfter }: { id: string; at: Date; unlessAfter: Date },
): Promise<void> {
  await tx
    .update(apiKeys)
    .set({ lastUsedAt: at })
    .where(and(ofTenant(tx), eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lte(apiKeys.lastUsedAt, unlessAfter))))
}
