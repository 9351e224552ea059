import { parseEpoch, parseRfc3339 } from '../../decode/time.ts'
import { localTimeOf, utcOf } from './local-time.ts'
import { compileTimeFormat, type ParseTime } from './time-format.ts'

/**
 * Times of recorded logs: RFC 3339, RFC 1123, epoch seconds or milliseconds, and `M/D/YYYY h:mm:ss AM` in the
 * zone given. With a format of its own a log has that one alone: 5/12/2026 could otherwise be read both ways.
 */
export interface TimeOptions {
  /** IANA name; UTC where not given. */
  timezone?: string | undefined
  format?: string | undefined
}

/** Beyond it Baywire takes no time. */
const year10000Ms = 253_402_300_800_000

export const knownTimes =
  'RFC 3339, RFC 1123, epoch seconds or milliseconds, or M/D/YYYY h:mm:ss AM; give any other with --time-format'

/** @throws UsageError for an unknown zone or a format that is none */
export function timeParser({ timezone = 'UTC', format }: TimeOptions): ParseTime {
  const localTime = localTimeOf(timezone)
  const parsers =
    format === undefined
      ? [parseRfc3339, parseEpochText, rfc1123Parser(), compileTimeFormat('M/D/YYYY h:mm:ss A', localTime)]
      : [compileTimeFormat(format, localTime)]
  return (text) => {
    for (const parse of parsers) {
      const time = parse(text)
      if (time !== undefined) return time >= 0 && time < year10000Ms ? time : undefined
    }
    return undefined
  }
}

function parseEpochText(text: string): number | undefined {
  return /^\d{1,16}(\.\d{1,9})?$/.test(text) ? parseEpoch(Number(text)) : undefined
}

/** Its weekday must be that of the date: `Tue, 01 Dec 2020 21:14:07 GMT`. */
function rfc1123Parser(): ParseTime {
  const parseDate = compileTimeFormat('D MMM YYYY HH:mm:ss', utcOf)
  const parseDateAndZone = compileTimeFormat('D MMM YYYY HH:mm:ss Z', utcOf)
  const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
  return (text) => {
    const [, weekday, date, zone] = /^([A-Z][a-z]{2}), (.+) (GMT|UTC|UT|[+-]\d{4})$/.exec(text) ?? []
    if (weekday === undefined || date === undefined || zone === undefined) return undefined
    const asUtc = parseDate(date)
    if (asUtc === undefined || weekdays[new Date(asUtc).getUTCDay()] !== weekday) return undefined
    return parseDateAndZone(`${date} ${zone.startsWith('U') || zone === 'GMT' ? 'Z' : zone}`)
  }
}
