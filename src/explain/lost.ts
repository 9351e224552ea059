import type { HeardReading, TakenBefore } from '../store/explain-readings.ts'
import { selectTaken, selectUnreadable } from '../store/explain-readings.ts'
import type { ExplainedSpace } from '../store/explain-space.ts'
import type { Candidate } from '../occupancy/state.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import type { Machine } from './as-shown.ts'
import type { LookedBack } from './look-back.ts'
import { isStepped, type SteppedReading } from './refold.ts'

/** Evidence that did not decide what was shown, and why not. Times in epoch milliseconds. */
export interface Lost {
  readonly reading: HeardReading
  readonly why: Why
}

export type Why =
  | { readonly kind: 'duplicate'; readonly of: Pick<TakenBefore, 'id' | 'part' | 'receivedAt'> | undefined }
  | { readonly kind: 'late'; readonly than: SteppedReading | undefined; readonly byMs: number | undefined }
  | { readonly kind: 'debouncing'; readonly waited: Candidate | undefined }
  | { readonly kind: 'retained' | 'unassigned' | 'unknown_device' | 'malformed' }

const mostShown = 10
/** What was heard so long before the evidence that won is of interest too: it may have been meant for later. */
const beforeMs = 10 * 60_000
/** Where no evidence is kept: so far back from the instant. */
const withoutEvidenceMs = 24 * 3_600_000

export async function lostOf(
  tx: TenantTransaction,
  {
    space,
    back,
    machine,
    until,
  }: { space: ExplainedSpace; back: LookedBack; machine: Machine | undefined; until: number },
): Promise<Lost[]> {
  const won = machine?.won
  const after = won === undefined ? until - withoutEvidenceMs : Math.min(won.receivedAt, won.observedAt) - beforeMs
  const unreadable = await selectUnreadable(tx, { space, after, until, limit: mostShown })
  const known = new Set(back.inputs.map(({ seq }) => seq))
  const candidates = back.heard.filter(
    (reading) =>
      reading.receivedAt >= after &&
      (reading.inputSeq === null || known.has(reading.inputSeq)) &&
      hadNoEffect(reading, machine),
  )
  const shown = [...candidates, ...unreadable].toSorted(newestFirst).slice(0, mostShown)
  const duplicates = shown.filter(({ outcome }) => outcome === 'duplicate')
  const taken = new Map((await selectTaken(tx, duplicates)).map((row) => [duplicates[row.place - 1], row]))
  return shown.map((reading) => ({ reading, why: whyOf(reading, { back, machine, taken }) }))
}

function newestFirst(a: HeardReading, b: HeardReading): number {
  if (a.receivedAt !== b.receivedAt) return b.receivedAt - a.receivedAt
  // Ids of one process are in order.
  return a.id === b.id ? b.part - a.part : a.id < b.id ? 1 : -1
}

function hadNoEffect(reading: HeardReading, machine: Machine | undefined): boolean {
  if (reading === machine?.won) return false
  return reading.outcome !== 'applied' && reading.outcome !== 'unchanged'
}

interface Reasons {
  readonly back: LookedBack
  readonly machine: Machine | undefined
  readonly taken: ReadonlyMap<HeardReading | undefined, TakenBefore>
}

function whyOf(reading: HeardReading, { back, machine, taken }: Reasons): Why {
  const { outcome } = reading
  switch (outcome) {
    case 'duplicate':
      return { kind: outcome, of: taken.get(reading) }
    case 'late':
      return lateThan(reading, back)
    case 'debouncing':
      return { kind: outcome, waited: machine?.waited.get(reading.inputSeq ?? 0) }
    case 'retained':
    case 'unassigned':
    case 'unknown_device':
    case 'malformed':
      return { kind: outcome }
    case 'applied':
    case 'unchanged':
      throw new Error('a reading that had an effect was not lost')
  }
}

/** Than the newest evidence at the time when it came. */
function lateThan(reading: HeardReading, { inputs }: LookedBack): Why {
  const before = inputs.filter(({ seq }) => seq < (reading.inputSeq ?? 0))
  const newest = before.findLast((input) => input.kind === 'reading' && input.reading.outcome !== 'late')
  const than = newest?.kind === 'reading' ? newest.reading : undefined
  const byMs = than !== undefined && isStepped(reading) ? than.observedAt - reading.observedAt : undefined
  return { kind: 'late', than, byMs }
}
