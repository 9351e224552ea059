import { and, eq, gt, isNull, lt, sql, type SQL } from 'drizzle-orm'
import { codes } from './schema/accounts.ts'
import type { AccountTransaction } from './transactions.ts'

/** Codes and links that were sent, as rows. Only the newest of a person and a purpose is open. */
export type CodePurpose = 'reset_password' | 'verify_email'

export interface OpenCode {
  id: string
  userId: string
  address: string
  hash: Buffer
}

const columns = { id: codes.id, userId: codes.userId, address: codes.address, hash: codes.hash }

export interface NewCode extends OpenCode {
  purpose: CodePurpose
  lifeS: number
}

/** Ends the one before it. Returns until when it is good. */
export async function insertCode(tx: AccountTransaction, code: NewCode): Promise<Date> {
  const { id, userId, purpose, address, hash, lifeS } = code
  await endCodes(tx, and(eq(codes.userId, userId), eq(codes.purpose, purpose)))
  const [row] = await tx
    .insert(codes)
    .values({ id, userId, purpose, address, hash, expiresAt: sql`now() + make_interval(secs => ${lifeS})` })
    .returning({ expiresAt: codes.expiresAt })
  if (row === undefined) throw new Error('the code was not written')
  return row.expiresAt
}

const isOpen = () => and(isNull(codes.endedAt), gt(codes.expiresAt, sql`clock_timestamp()`))

/** The open code of a person, with one more try counted; undefined where there is none, or no try is left. */
export async function tryCode(
  tx: AccountTransaction,
  { userId, purpose, tries }: { userId: string; purpose: CodePurpose; tries: number },
): Promise<OpenCode | undefined> {
  const [row] = await tx
    .update(codes)
    .set({ tries: sql`${codes.tries} + 1` })
    .where(and(eq(codes.userId, userId), eq(codes.purpose, purpose), isOpen(), lt(codes.tries, tries)))
    .returning(columns)
  return row
}

export async function openCode(
  tx: AccountTransaction,
  { id, purpose }: { id: string; purpose: CodePurpose },
): Promise<OpenCode | undefined> {
  const [row] = await tx
    .select(columns)
    .from(codes)
    .where(and(eq(codes.id, id), eq(codes.purpose, purpose), isOpen()))
  return row
}

/** Uses it up; false where it was used, replaced or too old by now: of several at once one gets true. */
export async function spendCode(tx: AccountTransaction, id: string): Promise<boolean> {
  const used = await tx
    .update(codes)
    .set({ endedAt: sql`clock_timestamp()` })
    .where(and(eq(codes.id, id), isOpen()))
    .returning({ id: codes.id })
  return used.length > 0
}

/** Whatever was sent to somebody is worth nothing any more. */
export async function endCodesOf(tx: AccountTransaction, userId: string): Promise<void> {
  await endCodes(tx, eq(codes.userId, userId))
}

async function endCodes(tx: AccountTransaction, which: SQL | undefined): Promise<void> {
  await tx
    .update(codes)
    .set({ endedAt: sql`clock_timestamp()` })
    .where(and(which, isNull(codes.endedAt)))
}

/** Long ago: nobody asks for them. */
export async function dropOldCodes(tx: AccountTransaction): Promise<void> {
  await tx.delete(codes).where(lt(codes.expiresAt, sql`now() - interval '7 days'`))
}
