import { InvalidArgumentError } from 'commander'
import { parseRfc3339 } from '../decode/time.ts'
import { UsageError } from '../errors.ts'
import { localTimeOf, type WallClock } from './simulate/local-time.ts'

/**
 * A time as people say it: RFC 3339, or what the clocks of a place showed. That becomes an instant once the place is known, and
 * whoever takes it says which one was meant.
 */
export type Moment =
  | { readonly kind: 'instant'; readonly at: number }
  | { readonly kind: 'local'; readonly text: string; readonly day: Day; readonly time: ClockTime }

type Day = 'latest' | 'today' | 'yesterday' | Pick<WallClock, 'year' | 'month' | 'day'>
type ClockTime = Pick<WallClock, 'hour' | 'minute' | 'second' | 'millisecond'>

const local =
  /^(?:(?:(today|yesterday)|(\d{4})-(\d\d)-(\d\d))[ tT] *)?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?$/

/** For an option of the command line. */
export function parseMoment(text: string): Moment {
  const at = parseRfc3339(text)
  if (at !== undefined) return { kind: 'instant', at }
  const match = local.exec(text.trim().toLowerCase())
  if (match === null) {
    throw new InvalidArgumentError(
      'write it as 2026-11-20T14:05:00Z, or in the time of the site as 14:05, "yesterday 14:05" or "2026-11-20 14:05"',
    )
  }
  const [, word, year, month, day, hour, minute, second = 0, fraction = '0'] = match
  const date = year === undefined ? 'latest' : { year: Number(year), month: Number(month), day: Number(day) }
  return {
    kind: 'local',
    text: text.trim(),
    day: word === 'today' || word === 'yesterday' ? word : date,
    time: {
      hour: Number(hour),
      minute: Number(minute),
      second: Number(second),
      millisecond: Number(fraction.padEnd(3, '0')),
    },
  }
}

export interface MeantInstant {
  readonly at: number
  /** What a local time was taken for; undefined for one that says it all itself. */
  readonly meaning: string | undefined
}

/** @throws UsageError where the clocks of that place never showed such a time */
export function instantOf(moment: Moment, { timezone, now }: { timezone: string; now: number }): MeantInstant {
  if (moment.kind === 'instant') return { at: moment.at, meaning: undefined }
  const toInstant = localTimeOf(timezone)
  const today = dateAt(now, timezone)
  const of = (date: WallDate) => toInstant({ ...date, ...moment.time })
  const { day } = moment
  const date = typeof day === 'object' ? day : day === 'yesterday' ? dayBefore(today) : today
  const [wanted, at] = day === 'latest' ? latest(today, { of, now }) : [date, of(date)]
  if (at === undefined) {
    throw new UsageError(
      `--at: the clocks of ${timezone} never showed ${written(moment, wanted)}`,
      'there is no such day, or they were put forward over it; write it with its offset, as 2026-11-20T14:05:00+01:00',
    )
  }
  const twice = isTwice(at, timezone) ? ', the first of the two as clocks were put back' : ''
  const iso = new Date(at).toISOString()
  return { at, meaning: `"${moment.text}" is ${written(moment, wanted)} in ${timezone}, ${iso}${twice}` }
}

type WallDate = Pick<WallClock, 'year' | 'month' | 'day'>

/** The last time that it was so late there. */
function latest(
  today: WallDate,
  { of, now }: { of: (date: WallDate) => number | undefined; now: number },
): [WallDate, number | undefined] {
  const at = of(today)
  if (at !== undefined && at <= now) return [today, at]
  const yesterday = dayBefore(today)
  return [yesterday, of(yesterday)]
}

/** Whether the clocks are put back so soon behind it that they show it again. */
function isTwice(at: number, timeZone: string): boolean {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  const shown = format.format(at)
  return [0.5, 1, 2].some((hours) => format.format(at + hours * 3_600_000) === shown)
}

function dateAt(at: number, timeZone: string): WallDate {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  })
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  return { year: parts['year'] ?? 0, month: parts['month'] ?? 1, day: parts['day'] ?? 1 }
}

function dayBefore({ year, month, day }: WallDate): WallDate {
  const before = new Date(Date.UTC(year, month - 1, day - 1))
  return { year: before.getUTCFullYear(), month: before.getUTCMonth() + 1, day: before.getUTCDate() }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function written({ time }: Moment & { kind: 'local' }, { year, month, day }: WallDate): string {
  const fraction = time.millisecond === 0 ? '' : `.${String(time.millisecond).padStart(3, '0')}`
  return `${year}-${two(month)}-${two(day)} ${two(time.hour)}:${two(time.minute)}:${two(time.second)}${fraction}`
}
