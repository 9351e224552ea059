/** Times as devices send them. Everything else is refused rather than guessed. */

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/
const year10000Ms = 253_402_300_800_000
/** Below it a number is seconds: as milliseconds it would lie before 1973-03-03. */
const leastMilliseconds = 100_000_000_000

/** Epoch milliseconds of an RFC 3339 time from 1970 to 9999, or undefined. */
export function parseRfc3339(text: string): number | undefined {
  const milliseconds = parseIsoString(text)
  if (milliseconds !== undefined) return inRange(milliseconds)
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  // A leap second, which JavaScript does not know, counts as the one before it.
  const known = match[6] === '60' ? `${text.slice(0, 17)}59${text.slice(19)}` : text
  const parsed = Date.parse(known.replace(' ', 'T').toUpperCase())
  // Date.parse takes 30 February for 2 March: the day must be one of its month.
  const daysInMonth = new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate()
  return Number(match[3]) <= daysInMonth ? inRange(parsed) : undefined
}

const [minus, capitalT, colon, point, capitalZ] = [45, 84, 58, 46, 90]
const daysOfMonths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * The form that most devices send, in a tenth of the time: 2026-11-21T08:00:00.000Z. Undefined for all else, also what is not
 * quite of that form: the way above says what becomes of it.
 */
function parseIsoString(text: string): number | undefined {
  if (text.length !== 24 || !hasIsoMarks(text)) return undefined
  const year = digitsAt(text, 0) * 100 + digitsAt(text, 2)
  const month = digitsAt(text, 5)
  const day = digitsAt(text, 8)
  const [hour, minute, second] = [digitsAt(text, 11), digitsAt(text, 14), digitsAt(text, 17)]
  const ms = digitsAt(text, 20) * 10 + digitAt(text, 22)
  const isDay = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
  const isTime = hour <= 23 && minute <= 59 && second <= 59 && ms >= 0
  return isDay && isTime ? Date.UTC(year, month - 1, day, hour, minute, second, ms) : undefined
}

function hasIsoMarks(text: string): boolean {
  return (
    text.charCodeAt(4) === minus &&
    text.charCodeAt(7) === minus &&
    text.charCodeAt(10) === capitalT &&
    text.charCodeAt(13) === colon &&
    text.charCodeAt(16) === colon &&
    text.charCodeAt(19) === point &&
    text.charCodeAt(23) === capitalZ
  )
}

/** Two digits as a number; NaN where one is none, which is in no range. */
function digitsAt(text: string, index: number): number {
  return digitAt(text, index) * 10 + digitAt(text, index + 1)
}

function digitAt(text: string, index: number): number {
  const digit = text.charCodeAt(index) - 48
  return digit >= 0 && digit <= 9 ? digit : Number.NaN
}

function daysOf(year: number, month: number): number {
  const isLeap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return isLeap ? 29 : (daysOfMonths[month - 1] ?? 0)
}

/** Epoch seconds or milliseconds, whole or not, as epoch milliseconds; undefined outside of 1970 to 9999. */
export function parseEpoch(value: number): number | undefined {
  return inRange(Math.round(value < leastMilliseconds ? value * 1000 : value))
}

function inRange(milliseconds: number): number | undefined {
  // Adding zero makes a negative zero a plain one.
  return milliseconds >= 0 && milliseconds < year10000Ms ? milliseconds + 0 : undefined
}
