import { asc, desc, eq, inArray, isNull, sql } from 'drizzle-orm'
import { signingKeys } from './schema/accounts.ts'
import type { AccountTransaction } from './transactions.ts'

/** Keys that access tokens are signed with, as the database has them: the private half sealed. */
export type SigningKeyRow = typeof signingKeys.$inferSelect

/** Those that are published: in force, and not retired. */
export async function keysInForce(tx: AccountTransaction): Promise<SigningKeyRow[]> {
  return await tx.select().from(signingKeys).where(isNull(signingKeys.retiredAt)).orderBy(asc(signingKeys.signsFrom))
}

/** The newest of all there were. */
export async function newestKeys(tx: AccountTransaction, limit: number): Promise<SigningKeyRow[]> {
  return await tx.select().from(signingKeys).orderBy(desc(signingKeys.signsFrom)).limit(limit)
}

/** Until COMMIT nobody else makes, moves or retires keys: two processes that start at once make one. */
export async function lockSigningKeys(tx: AccountTransaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext('baywire.signing_keys'))`)
}

export async function insertSigningKey(tx: AccountTransaction, row: Omit<SigningKeyRow, 'retiredAt'>): Promise<void> {
  await tx.insert(signingKeys).values(row)
}

export async function moveSigningKey(
  tx: AccountTransaction,
  { kid, signsFrom }: Pick<SigningKeyRow, 'kid' | 'signsFrom'>,
): Promise<void> {
  await tx.update(signingKeys).set({ signsFrom }).where(eq(signingKeys.kid, kid))
}

export async function retireSigningKeys(
  tx: AccountTransaction,
  { kids, at }: { kids: readonly string[]; at: Date },
): Promise<void> {
  if (kids.length === 0) return
  await tx
    .update(signingKeys)
    .set({ retiredAt: at })
    .where(inArray(signingKeys.kid, [...kids]))
}
