import { and, desc, eq, isNull, ne, sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { passwords } from './schema/accounts.ts'
import type { AccountTransaction } from './transactions.ts'

/** Hashes of passwords: the one in force, and as many before it as may not come again. */
export interface StoredPassword {
  id: string
  hash: string
  createdAt: Date
}

const columns = { id: passwords.id, hash: passwords.hash, createdAt: passwords.createdAt }

export async function passwordInForce(tx: AccountTransaction, userId: string): Promise<StoredPassword | undefined> {
  const [row] = await tx
    .select(columns)
    .from(passwords)
    .where(and(eq(passwords.userId, userId), isNull(passwords.replacedAt)))
  return row
}

/** The newest hashes, the one in force included. */
export async function lastHashes(
  tx: AccountTransaction,
  { userId, count }: { userId: string; count: number },
): Promise<string[]> {
  const rows = await tx
    .select({ hash: passwords.hash })
    .from(passwords)
    .where(and(eq(passwords.userId, userId), ne(passwords.hash, '')))
    .orderBy(desc(passwords.createdAt), desc(passwords.id))
    .limit(count)
  return rows.map(({ hash }) => hash)
}

/** Whether it still is the one in force; and it stays so until COMMIT. */
export async function holdPassword(tx: AccountTransaction, id: string): Promise<boolean> {
  const rows = await tx
    .select({ id: passwords.id })
    .from(passwords)
    .where(and(eq(passwords.id, id), isNull(passwords.replacedAt)))
    .for('share')
  return rows.length > 0
}

/** Whoever else wants to set one waits until COMMIT. */
export async function lockPassword(tx: AccountTransaction, userId: string): Promise<void> {
  await tx
    .select({ id: passwords.id })
    .from(passwords)
    .where(and(eq(passwords.userId, userId), isNull(passwords.replacedAt)))
    .for('update')
}

/** The first one of somebody who has none yet. */
export async function insertPassword(
  tx: AccountTransaction,
  { userId, hash }: { userId: string; hash: string },
): Promise<void> {
  await tx.insert(passwords).values({ id: newId(), userId, hash })
}

/**
 * Puts another one into force. With `expected`, only where that one is in force still: false otherwise. Of those that are
 * older than `keep` the hash is forgotten.
 */
export async function replacePassword(
  tx: AccountTransaction,
  { userId, hash, keep, expected }: { userId: string; hash: string; keep: number; expected?: string },
): Promise<boolean> {
  const replaced = await tx
    .update(passwords)
    .set({ replacedAt: sql`now()` })
    .where(
      and(
        eq(passwords.userId, userId),
        isNull(passwords.replacedAt),
        ...(expected === undefined ? [] : [eq(passwords.id, expected)]),
      ),
    )
    .returning({ id: passwords.id })
  if (expected !== undefined && replaced.length === 0) return false
  await insertPassword(tx, { userId, hash })
  await tx.execute(sql`
    update passwords set hash = ''
    where user_id = ${userId} and replaced_at is not null and hash <> ''
      and id not in (select id from passwords where user_id = ${userId} order by created_at desc, id desc limit ${Math.max(keep, 1)})`)
  return true
}

/** The same password under other parameters; nothing where it was replaced in the meantime. */
export async function rehash(
  tx: AccountTransaction,
  { id, from, to }: { id: string; from: string; to: string },
): Promise<void> {
  await tx
    .update(passwords)
    .set({ hash: to })
    .where(and(eq(passwords.id, id), eq(passwords.hash, from), isNull(passwords.replacedAt)))
}
