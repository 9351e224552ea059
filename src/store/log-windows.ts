/**
 * The raw log has no index for most of what may be asked, and may be very long: so it is read from its newest end backwards in
 * windows of arrival that grow, each of which looks at the days that it concerns alone, until there is a page full or the time
 * is up. What was found by then is a page as well, whose cursor goes on from there.
 */
export interface LogKey {
  readonly receivedAt: number
  readonly id: string
  readonly part: number
}

/** First and longest window. */
export interface Spans {
  readonly first: number
  readonly most: number
}

export interface LogWindow {
  /** From then on, epoch milliseconds. */
  readonly from: number
  /** And before this one. */
  readonly until: LogKey
  readonly limit: number
}

export interface LogSearch {
  /** [from, to), epoch milliseconds. */
  readonly from: number
  readonly to: number
  /** Where the page before ended. */
  readonly before: LogKey | undefined
  readonly limit: number
  /** No further window is begun once it is aborted. */
  readonly signal: AbortSignal
}

export interface FoundRows<Row> {
  readonly rows: readonly Row[]
  /** Where the next page begins; undefined where all was searched. */
  readonly next: LogKey | undefined
}

const minuteMs = 60_000
const dayMs = 86_400_000
/** Where an index has what is asked for, and where none has. */
export const spans = {
  indexed: { first: dayMs, most: 32 * dayMs },
  scanned: { first: minuteMs, most: 6 * 60 * minuteMs },
} as const satisfies Record<string, Spans>
const growth = 4
const leastId = '00000000-0000-0000-0000-000000000000'

export async function searchBackwards<Row extends LogKey>(
  { from: begin, to, before, limit, signal }: LogSearch,
  { first, most }: Spans,
  selectWindow: (window: LogWindow) => Promise<readonly Row[]>,
): Promise<FoundRows<Row>> {
  const rows: Row[] = []
  let until: LogKey = before ?? { receivedAt: to, id: leastId, part: 0 }
  for (let span = first; ; span = Math.min(span * growth, most)) {
    const from = Math.max(begin, until.receivedAt - span)
    // oxlint-disable-next-line no-await-in-loop -- only where what was found is not enough
    rows.push(...(await selectWindow({ from, until, limit: limit + 1 - rows.length })))
    if (rows.length > limit) return { rows: rows.slice(0, limit), next: rows[limit - 1] }
    if (from <= begin) return { rows, next: undefined }
    until = { receivedAt: from, id: leastId, part: 0 }
    if (signal.aborted) return { rows, next: until }
  }
}
