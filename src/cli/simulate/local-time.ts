import { UsageError } from '../../errors.ts'

/**
 * Wall clock times of a place as moments. Where clocks went back and a time happened twice, the earlier one is
 * taken; where they went forward and it never happened, there is none: such a file names another zone's times.
 */
export interface WallClock {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  millisecond: number
}

/** Epoch milliseconds of a wall clock time, undefined where that time does not exist. */
export type LocalTime = (clock: WallClock) => number | undefined

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Hours whose offset is remembered at most: 57 years of them. */
const hoursKept = 500_000

/** @throws UsageError where there is no such time zone */
export function localTimeOf(timezone: string): LocalTime {
  const offsetAt = offsetsOf(timezone)
  return (clock) => {
    const asUtc = utcOf(clock)
    if (asUtc === undefined) return undefined
    // Whatever offsets hold within a day on either side are all that this time can have.
    for (const offset of [offsetAt(asUtc - dayMs), offsetAt(asUtc + dayMs)].toSorted((a, b) => b - a)) {
      if (offsetAt(asUtc - offset) === offset) return asUtc - offset
    }
    return undefined
  }
}

/** The fields read as UTC; undefined where they are none, such as 30 February. */
export function utcOf({ year, month, day, hour, minute, second, millisecond }: WallClock): number | undefined {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, millisecond)
  const same =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  return same ? date.getTime() : undefined
}

/** How far a zone's clocks are ahead of UTC at a moment, in milliseconds. */
function offsetsOf(timezone: string): (atMs: number) => number {
  const format = formatOf(timezone)
  if (format.resolvedOptions().timeZone === 'UTC') return () => 0
  // Zones change their offset at quarters of an hour in use since 1970.
  const known = new Map<number, number>()
  return (atMs) => {
    const quarter = Math.floor(atMs / (hourMs / 4))
    let offset = known.get(quarter)
    if (offset === undefined) {
      offset = wallClockAt(format, quarter * (hourMs / 4)) - quarter * (hourMs / 4)
      if (known.size >= hoursKept) known.clear()
      known.set(quarter, offset)
    }
    return offset
  }
}

function formatOf(timezone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UsageError(`--timezone: there is no time zone "${timezone}"`, 'give a name such as Europe/Berlin, or UTC')
  }
}

function wallClockAt(format: Intl.DateTimeFormat, atMs: number): number {
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second)
}
