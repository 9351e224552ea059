import type { Clock } from '../../clock.ts'
import { ApiError } from '../errors.ts'

/** A period of a query, epoch milliseconds: [from, to). */
export interface Period {
  from: number
  to: number
}

const dayMs = 86_400_000

/** Without an end, up to now; without a beginning, the day before the end. */
export function periodOf({ from, to }: { from?: string | undefined; to?: string | undefined }, clock: Clock): Period {
  // The moment itself is part of it: what was recorded a moment ago is found.
  const end = to === undefined ? clock.now() + 1 : Date.parse(to)
  const begin = from === undefined ? end - dayMs : Date.parse(from)
  if (begin < end) return { from: begin, to: end }
  throw wrongWayRound(from)
}

/** The clocks of those who log what arrives may be ahead of ours. */
const aheadMs = 60_000

/** The same where without a beginning all is meant that was ever kept, and without an end also what has just arrived elsewhere. */
export function openPeriodOf(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  clock: Clock,
): { from: number | undefined; to: number } {
  const end = to === undefined ? clock.now() + aheadMs : Date.parse(to)
  const begin = from === undefined ? undefined : Date.parse(from)
  if (begin === undefined || begin < end) return { from: begin, to: end }
  throw wrongWayRound(from)
}

function wrongWayRound(from: string | undefined): ApiError {
  return new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: from === undefined ? 'to' : 'from', message: 'from must be before to' }],
  })
}
