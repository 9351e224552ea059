import { UsageError } from '../../errors.ts'
import { utcOf, type LocalTime, type WallClock } from './local-time.ts'

/**
 * Times in a layout of one's own, for `--time-format`: YYYY MM M DD D HH H hh h mm m ss s, S for a fraction of a
 * second, A or a for AM and PM, MMM for Jan to Dec, Z for an offset such as +02:00 or Z. Text in [brackets] and
 * whatever is not a letter stands for itself.
 */
type Field =
  | 'year'
  | 'month'
  | 'monthName'
  | 'day'
  | 'hour'
  | 'hour12'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'half'
  | 'offset'

const tokens: Readonly<Record<string, { field: Field; pattern: string }>> = {
  YYYY: { field: 'year', pattern: '\\d{4}' },
  MMM: { field: 'monthName', pattern: '[A-Za-z]{3}' },
  MM: { field: 'month', pattern: '\\d\\d' },
  M: { field: 'month', pattern: '\\d{1,2}' },
  DD: { field: 'day', pattern: '\\d\\d' },
  D: { field: 'day', pattern: '\\d{1,2}' },
  HH: { field: 'hour', pattern: '\\d\\d' },
  H: { field: 'hour', pattern: '\\d{1,2}' },
  hh: { field: 'hour12', pattern: '\\d\\d' },
  h: { field: 'hour12', pattern: '\\d{1,2}' },
  mm: { field: 'minute', pattern: '\\d\\d' },
  m: { field: 'minute', pattern: '\\d{1,2}' },
  ss: { field: 'second', pattern: '\\d\\d' },
  s: { field: 'second', pattern: '\\d{1,2}' },
  A: { field: 'half', pattern: '[AaPp][Mm]' },
  a: { field: 'half', pattern: '[AaPp][Mm]' },
  Z: { field: 'offset', pattern: '[Zz]|[+-]\\d\\d:?\\d\\d' },
}
const fraction = { field: 'fraction', pattern: '\\d{1,9}' } as const
const parts = /\[([^\]]*)\]|S+|YYYY|MMM|MM?|DD?|HH?|hh?|mm?|ss?|A|a|Z|[\s\S]/g
const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Epoch milliseconds of a text, undefined where it is no time. */
export type ParseTime = (text: string) => number | undefined

/** @throws UsageError where the format cannot give a whole time */
export function compileTimeFormat(format: string, localTime: LocalTime): ParseTime {
  const fields: Field[] = []
  const pattern = [...format.matchAll(parts)].map(([part, literal]) => {
    const token = part.startsWith('S') ? fraction : tokens[part]
    if (literal !== undefined) return escape(literal)
    if (token === undefined) return literalOf(part, format)
    if (fields.includes(token.field)) throw wrongFormat(format, `names the ${token.field} twice`)
    fields.push(token.field)
    return `(${token.pattern})`
  })
  requireWhole(format, fields)
  const expression = new RegExp(`^${pattern.join('')}$`)
  return (text) => {
    const match = expression.exec(text)
    return match === null
      ? undefined
      : momentOf(new Map(fields.map((field, at) => [field, match[at + 1] ?? ''])), localTime)
  }
}

function requireWhole(format: string, fields: readonly Field[]): void {
  const has = (...any: Field[]) => any.some((field) => fields.includes(field))
  if (!has('year')) throw wrongFormat(format, 'has no year (YYYY)')
  if (!has('month', 'monthName')) throw wrongFormat(format, 'has no month (MM, M or MMM)')
  if (!has('day')) throw wrongFormat(format, 'has no day (DD or D)')
  if (has('hour12') !== has('half')) throw wrongFormat(format, 'needs hh and A together, or HH alone')
}

function literalOf(character: string, format: string): string {
  if (/[A-Za-z]/.test(character) && character !== 'T') {
    throw wrongFormat(format, `has "${character}", which means nothing: put text into [brackets]`)
  }
  return escape(character)
}

function escape(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}/-]/g, String.raw`\$&`)
}

function wrongFormat(format: string, reason: string): UsageError {
  return new UsageError(
    `--time-format: "${format}" ${reason}`,
    'YYYY MM M MMM DD D HH H hh h mm m ss s S A Z, and text in [brackets]',
  )
}

function momentOf(fields: ReadonlyMap<Field, string>, localTime: LocalTime): number | undefined {
  const number = (field: Field, otherwise: number) => {
    const text = fields.get(field)
    return text === undefined ? otherwise : Number(text)
  }
  const hour = hourOf(fields)
  const month = monthOf(fields)
  if (hour === undefined || month === undefined) return undefined
  const clock: WallClock = {
    year: number('year', 0),
    month,
    day: number('day', 0),
    hour,
    minute: number('minute', 0),
    second: number('second', 0),
    millisecond: Number((fields.get('fraction') ?? '0').padEnd(3, '0').slice(0, 3)),
  }
  const offset = fields.get('offset')
  return localOrAt(clock, offset, localTime)
}

function localOrAt(clock: WallClock, offset: string | undefined, localTime: LocalTime): number | undefined {
  if (offset === undefined) return localTime(clock)
  const asUtc = utcOf(clock)
  if (asUtc === undefined) return undefined
  if (/^z$/i.test(offset)) return asUtc
  const sign = offset.startsWith('-') ? -1 : 1
  const [hours, minutes] = [Number(offset.slice(1, 3)), Number(offset.slice(-2))]
  return minutes > 59 || hours > 23 ? undefined : asUtc - sign * (hours * 60 + minutes) * 60_000
}

/** 12 AM is midnight, 12 PM noon; there is no 0 or 13 o'clock on a clock of twelve hours. */
function hourOf(fields: ReadonlyMap<Field, string>): number | undefined {
  const text = fields.get('hour12')
  if (text === undefined) return Number(fields.get('hour') ?? '0')
  const hour = Number(text)
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (fields.get('half')?.toLowerCase() === 'pm' ? 12 : 0)
}

function monthOf(fields: ReadonlyMap<Field, string>): number | undefined {
  const name = fields.get('monthName')
  if (name === undefined) return Number(fields.get('month'))
  const index = monthNames.indexOf(name.toLowerCase())
  return index === -1 ? undefined : index + 1
}
