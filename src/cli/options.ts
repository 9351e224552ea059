import { InvalidArgumentError } from 'commander'
import { codePattern } from '../ids.ts'

/** Values of options, refused with what they must be. */
export function parseCode(text: string): string {
  if (!codePattern.test(text)) throw new InvalidArgumentError('must be 1 to 64 of A-Z a-z 0-9 . _ ~ -')
  return text
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

function positiveNumber(max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
    if (!(value > 0 && value <= max)) throw new InvalidArgumentError(`must be a number above 0, at most ${max}`)
    return value
  }
}

export function positiveOrMax(most: number): (text: string) => number | 'max' {
  const parseNumber = positiveNumber(most)
  return (text) => {
    if (text === 'max') return 'max'
    try {
      return parseNumber(text)
    } catch {
      throw new InvalidArgumentError(`must be max, or a number above 0, at most ${most}`)
    }
  }
}

const unitsMs = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])
const longestMs = 30 * 24 * 3_600_000

/** Milliseconds of `500ms`, `30s`, `5m` or `2h`. */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
  const milliseconds = Number(number) * (unitsMs.get(unit) ?? Number.NaN)
  if (!(milliseconds > 0 && milliseconds <= longestMs)) {
    throw new InvalidArgumentError('must be a duration such as 500ms, 30s, 5m or 2h, at most 720h')
  }
  return milliseconds
}

export function commaList(text: string): string[] {
  return text.split(',').map((value) => value.trim())
}
