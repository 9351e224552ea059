import { requirePermission, type Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import { outcomes } from '../store/books.ts'
import { selectDroppedDays, selectImbalance, selectLedger, type Counts, type CountsAt } from '../store/ledger.ts'
import type { TenantTransaction } from '../store/transactions.ts'

export interface Ledger {
  readonly from: number
  readonly to: number
  readonly totals: Counts
  /** Of them: of days whose readings are not kept any more. */
  readonly dropped: Counts
  /** Readings by which the ledger and the log differ; undefined where they are too many to be compared at once. */
  readonly imbalance: number | undefined
  readonly stepMs: number
  /** All steps from `from` to `to`. */
  readonly series: readonly CountsAt[]
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** The end of a period that is written with a year of four digits. */
const lastMinute = Date.UTC(9999, 11, 31, 23, 59)
/** The shortest step that a period of this length is told in; what was meant to be so long may have become a moment longer. */
const steps = [
  { upTo: 6 * hourMs, stepMs: minuteMs },
  { upTo: 15 * dayMs, stepMs: hourMs },
  { upTo: 400 * dayMs, stepMs: dayMs },
]
/** Readings that are counted in the log within a request. */
const mostCompared = 500_000

/** What became of what was delivered in a period: the minutes that `from` and `to` are in, too. */
export async function readLedger(
  tx: TenantTransaction,
  actor: Actor,
  asked: { from: number; to: number },
): Promise<Ledger> {
  requirePermission(actor, 'dashboard:read')
  const wanted = steps.find(({ upTo }) => asked.to - asked.from <= upTo + minuteMs)?.stepMs
  if (wanted === undefined) throw tooLong()
  const to = Math.min(Math.ceil(asked.to / minuteMs) * minuteMs, lastMinute)
  const from = Math.floor(asked.from / minuteMs) * minuteMs
  const days = await selectDroppedDays(tx, { from: Math.floor(from / dayMs) * dayMs, to })
  // Of a dropped day there is one sum.
  const stepMs = days.length > 0 ? dayMs : wanted
  const period = { from: Math.floor(from / stepMs) * stepMs, to, stepMs }
  const kept = await selectLedger(tx, period)
  const dropped = sumOf(days)
  const logged = sumOf(kept)
  const imbalance = logged.received > mostCompared ? undefined : await selectImbalance(tx, period)
  const totals = sumOf([logged, dropped])
  return { from: period.from, to, totals, dropped, imbalance, stepMs, series: seriesOf(period, [...days, ...kept]) }
}

/** Whether the ledger and the log agree; undefined where they are too many to be compared at once. */
export async function booksBalance(
  tx: TenantTransaction,
  period: { from: number; to: number },
): Promise<boolean | undefined> {
  const { received } = sumOf(await selectLedger(tx, { ...period, stepMs: hourMs }))
  return received > mostCompared ? undefined : (await selectImbalance(tx, period)) === 0
}

function seriesOf(
  { from, to, stepMs }: { from: number; to: number; stepMs: number },
  known: readonly CountsAt[],
): CountsAt[] {
  const byTime = new Map<number, CountsAt[]>()
  for (const counts of known) byTime.set(counts.at, [...(byTime.get(counts.at) ?? []), counts])
  const series: CountsAt[] = []
  for (let at = from; at < to; at += stepMs) series.push({ at, ...sumOf(byTime.get(at) ?? []) })
  return series
}

function sumOf(all: readonly Counts[]): Counts {
  const sum = (name: keyof Counts) => all.reduce((total, counts) => total + counts[name], 0)
  return Object.fromEntries((['received', ...outcomes] as const).map((name) => [name, sum(name)])) as Counts
}

function tooLong(): Refusal {
  return new Refusal('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'from', message: 'must be at most 400 days before to' }],
  })
}
