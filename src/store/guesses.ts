import { sql } from 'drizzle-orm'
import type { AccountTransaction } from './transactions.ts'

/**
 * Counts of wrong guesses. One is raised before the guess is compared, in a transaction of its own that commits before the
 * comparison: parallel guesses wait for each other's row, so that no more are let through than the limit says, and
 * neither a crash nor a later rollback takes one back.
 */
export interface Guess {
  subject: string
  mechanism: string
}

export interface GuessLimit {
  /** Failures within the window that close it. */
  failures: number
  windowS: number
  /** For how long it is closed then. */
  closedS: number
  /** Failures without a success between them that close it for good; none where it is undefined. */
  consecutive?: number
}

const seconds = (count: number) => sql`make_interval(secs => ${count})`

/** What became of the guess: it may be compared, it is the last one that may, or it may not. */
export type Admission = 'open' | 'last' | 'closed'

/**
 * @param limit.failures 0 counts what comes without a success between, and nothing else: for a subject whose window
 * is counted elsewhere
 */
export async function raiseGuess(
  tx: AccountTransaction,
  { subject, mechanism }: Guess,
  limit: GuessLimit,
): Promise<Admission> {
  const counted = limit.failures === 0 ? 0 : 1
  const over = sql`(${counted}::int = 1 and (g.window_started_at <= clock_timestamp() - ${seconds(limit.windowS)}
    or g.locked_until <= clock_timestamp()))`
  const failures = sql`(case when coalesce(${over}, false) then 1 else g.failures + ${counted}::int end)`
  const [row] = await tx.execute<{ closes: boolean }>(sql`
    insert into guesses as g (subject, mechanism, failures, consecutive, window_started_at)
    values (${subject}, ${mechanism}, ${counted}::int, 1, clock_timestamp())
    on conflict (subject, mechanism) do update set
      failures = ${failures},
      consecutive = g.consecutive + 1,
      window_started_at = case when coalesce(${over}, false) then clock_timestamp() else g.window_started_at end,
      locked_until = case
        when ${counted}::int = 0 then g.locked_until
        when ${failures} >= ${limit.failures}::int then clock_timestamp() + ${seconds(limit.closedS)} end
    where (${counted}::int = 0 or g.locked_until is null or g.locked_until <= clock_timestamp())
      and g.consecutive < ${limit.consecutive ?? 2_000_000_000}::int
    returning ${counted}::int = 1 and g.locked_until is not null as closes`)
  if (row === undefined) return 'closed'
  return row.closes ? 'last' : 'open'
}

/** How long it stays closed, in whole seconds; 0 where it is not. */
export async function closedForS(tx: AccountTransaction, { subject, mechanism }: Guess): Promise<number> {
  const [row] = await tx.execute<{ seconds: number }>(sql`
    select greatest(0, ceil(extract(epoch from locked_until - clock_timestamp())))::int as seconds
    from guesses where subject = ${subject} and mechanism = ${mechanism}`)
  return row?.seconds ?? 0
}

/** A guess was right: nothing of it is left. */
export async function forgetGuesses(tx: AccountTransaction, { subject, mechanism }: Guess): Promise<void> {
  await tx.execute(sql`delete from guesses where subject = ${subject} and mechanism = ${mechanism}`)
}

/** A guess of a subject whose window is counted elsewhere was right. */
export async function endConsecutive(tx: AccountTransaction, { subject, mechanism }: Guess): Promise<void> {
  await tx.execute(sql`update guesses set consecutive = 0 where subject = ${subject} and mechanism = ${mechanism}`)
}

/** One guess was right, of a subject that many share: it alone is taken back. */
export async function takeBackGuess(
  tx: AccountTransaction,
  { subject, mechanism }: Guess,
  { failures }: Pick<GuessLimit, 'failures'>,
): Promise<void> {
  await tx.execute(sql`
    update guesses set failures = greatest(failures - 1, 0),
      locked_until = case when failures - 1 >= ${failures} then locked_until end
    where subject = ${subject} and mechanism = ${mechanism}`)
}

/** Opens an account again, whatever closed it: all that is counted of it, of each of its devices, for each mechanism. */
export async function forgetGuessesOf(tx: AccountTransaction, userId: string): Promise<void> {
  await tx.execute(sql`
    delete from guesses
    where subject = ${`user:${userId}`} or starts_with(subject, ${`user-device:${userId}:`})
      or starts_with(subject, ${`user-session:${userId}:`})`)
}

/** Rows that say nothing any more: of addresses and tenants whose window is long over. */
export async function dropOldGuesses(tx: AccountTransaction): Promise<void> {
  await tx.execute(sql`
    delete from guesses
    where window_started_at < now() - interval '1 day' and (locked_until is null or locked_until < now())
      and (consecutive = 0 or subject not like 'user:%')`)
}
