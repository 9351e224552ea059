import { InvalidArgumentError } from 'commander'
import { parseRfc3339 } from '../decode/time.ts'

/** A time on the command line, as epoch milliseconds. */
export function parseTimeOption(text: string): number {
  const time = parseRfc3339(text)
  if (time === undefined) throw new InvalidArgumentError('write it in RFC 3339, as 2026-11-20T08:15:00Z')
  return time
}
