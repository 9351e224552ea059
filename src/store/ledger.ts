import { sql, type SQL } from 'drizzle-orm'
import { outcomes, type Outcome } from './books.ts'
import { deadOutcomes } from './dead-letters.ts'
import { epoch, instant } from './explain-space.ts'
import type { TenantTransaction } from './transactions.ts'

/** The books of a tenant as its people see them. Periods are [from, to), whole minutes, in epoch milliseconds. */
export type Counts = Record<'received' | Outcome, number>

interface Period {
  readonly from: number
  readonly to: number
}

const names = ['received', ...outcomes] as const
const sums = sql.join(
  names.map((name) => sql`coalesce(sum(${sql.identifier(name)}), 0)::float8 as ${sql.identifier(name)}`),
  sql`, `,
)

export type CountsAt = { at: number } & Counts

/** Sums of each step, by time; of steps without any there is none. */
export async function selectLedger(
  tx: TenantTransaction,
  { from, to, stepMs }: Period & { stepMs: number },
): Promise<CountsAt[]> {
  const step = sql`make_interval(secs => ${stepMs / 1000})`
  return await tx.execute<CountsAt>(sql`
    select ${epoch(sql`date_bin(${step}, minute, to_timestamp(0))`)} as at, ${sums} from ledger_entries
    where tenant_id = ${tx.tenantId} and ${within(sql`minute`, { from, to })}
    group by 1 order by 1`)
}

/** The same of whole days whose readings were dropped: nothing can be compared with them any more. */
export async function selectDroppedDays(tx: TenantTransaction, period: Period): Promise<CountsAt[]> {
  const day = sql`(day::timestamp at time zone 'UTC')`
  return await tx.execute<CountsAt>(sql`
    select ${epoch(day)} as at, ${sums} from ledger_days
    where tenant_id = ${tx.tenantId} and ${within(day, period)}
    group by 1 order by 1`)
}

/** By how many readings the ledger and the log differ, over all outcomes; in one statement, since they are written together. */
export async function selectImbalance(tx: TenantTransaction, period: Period): Promise<number> {
  const counted = sql.join(
    outcomes.map((outcome) => sql`(${outcome}::text, ${sql.identifier(outcome)})`),
    sql`, `,
  )
  const [row] = await tx.execute<{ imbalance: number }>(sql`
    with log as (
      select outcome, count(*) as count from readings
      where tenant_id = ${tx.tenantId} and delivery is distinct from 'redrive' and ${within(sql`received_at`, period)}
      group by outcome
    ), books as (
      select entry.outcome, sum(entry.count) as count from ledger_entries l
      cross join lateral (values ${counted}) as entry (outcome, count)
      where l.tenant_id = ${tx.tenantId} and ${within(sql`l.minute`, period)}
      group by entry.outcome
    )
    select coalesce(sum(abs(coalesce(books.count, 0) - coalesce(log.count, 0))), 0)::float8 as imbalance
    from books full join log on log.outcome = books.outcome`)
  return row?.imbalance ?? 0
}

function within(time: SQL, { from, to }: Period): SQL {
  return sql`${time} >= ${instant(from)} and ${time} < ${instant(to)}`
}

const isDead = sql.raw(`r.outcome in (${deadOutcomes.map((outcome) => `'${outcome}'`).join(', ')})`)

/** Readings that had no effect and wait for somebody, counted up to `most`: on the index of dead letters. */
export async function countWaitingLetters(tx: TenantTransaction, most: number): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(sql`
    select count(*)::integer as count from (
      select from readings r
      where r.tenant_id = ${tx.tenantId} and ${isDead} and r.delivery is distinct from 'redrive'
        and not exists (
          select from redrive_attempts a
          where a.tenant_id = r.tenant_id and a.reading_id = r.id and a.part = r.part and a.outcome is not null
            and not a.outcome = any(${sql.raw(`array['${deadOutcomes.join("', '")}']`)}))
      limit ${most}
    ) as letters`)
  return row?.count ?? 0
}
