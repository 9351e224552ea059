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

/** The form that most devices send, in a third of the time: a text that is written again as it was is in order. */
function parseIsoString(text: string): number | undefined {
  if (text.length !== 24) return undefined
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) return undefined
  return new Date(milliseconds).toISOString() === text ? milliseconds : undefined
}

/** Epoch seconds or milliseconds, whole or not, as epoch milliseconds; undefined outside of 1970 to 9999. */
export function parseEpoch(value: number): number | undefined {
  return inRange(Math.round(value < leastMilliseconds ? value * 1000 : value))
}

function inRange(milliseconds: number): number | undefined {
  // Adding zero makes a negative zero a plain one.
  return milliseconds >= 0 && milliseconds < year10000Ms ? milliseconds + 0 : undefined
}
