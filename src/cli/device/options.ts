import { InvalidArgumentError } from 'commander'
import type { Place } from '../../store/speakers.ts'
import { parseCode, wholeNumber } from '../options.ts'

/** `SITE/SPACE`. */
export function parsePlace(text: string): Place {
  const [site = '', space = '', ...rest] = text.split('/')
  if (rest.length > 0 || space === '') throw new InvalidArgumentError('must be SITE/SPACE')
  return { site: parseCode(site), space: parseCode(space) }
}

/** A whole number or `default`. (Not null: commander makes an empty text of it.) */
export function parseLimit(max: number): (text: string) => number | 'default' {
  const parseNumber = wholeNumber(1, max)
  return (text) => {
    if (text === 'default') return text
    try {
      return parseNumber(text)
    } catch {
      throw new InvalidArgumentError(`must be a whole number from 1 to ${max}, or default`)
    }
  }
}
