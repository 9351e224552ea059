import type { MessageFilter } from './message-filter.ts'

/** The policy that a dry run is to try, as the form has it; and the same dry run as a command. */
export interface PolicyForm {
  /** Readings that confirm a change; '' where debouncing is left as it is. */
  readings: string
  holdS: string
  /** Other fields, a JSON object. */
  other: string
}

export type PolicyFields = Record<string, unknown>

export type ReadPolicy = { policy: PolicyFields | null } | { errors: Partial<Record<keyof PolicyForm, string>> }

export function readPolicy({ readings, holdS, other }: PolicyForm): ReadPolicy {
  const errors: Partial<Record<keyof PolicyForm, string>> = {}
  const debounce = readings.trim() === '' && holdS.trim() === '' ? undefined : debounceOf(readings, holdS, errors)
  const fields = other.trim() === '' ? {} : fieldsOf(other, errors)
  if (debounce !== undefined && fields !== undefined && 'debounce' in fields) {
    errors.other = 'It has debounce, which stands above, too: say it once.'
  }
  if (Object.keys(errors).length > 0) return { errors }
  const policy = { ...(debounce === undefined ? {} : { debounce }), ...fields }
  return { policy: Object.keys(policy).length === 0 ? null : policy }
}

function debounceOf(readings: string, holdS: string, errors: Partial<Record<keyof PolicyForm, string>>) {
  const count = Number(readings.trim() === '' ? '1' : readings)
  const seconds = Number(holdS.trim() === '' ? '0' : holdS)
  if (!Number.isInteger(count) || count < 1 || count > 100) errors.readings = 'A whole number from 1 to 100.'
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 86_400) errors.holdS = 'Seconds, from 0 to 86,400.'
  return { readings: count, hold_s: seconds }
}

function fieldsOf(text: string, errors: Partial<Record<keyof PolicyForm, string>>): PolicyFields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
    errors.other = 'Write a JSON object, such as {"sensor_timeout_s": 7200}.'
  } catch (error) {
    errors.other = `This is not JSON: ${error instanceof Error ? error.message : String(error)}`
  }
  return undefined
}

export interface CommandOf {
  tenant: string
  filter: MessageFilter
  /** `SITE/SPACE` */
  spacePath: string | undefined
  /** The code of a site. */
  site: string | undefined
  policy: PolicyFields | null
}

/** What to type where `baywire` runs, for the same; without limits. */
export function replayCommand({ tenant, filter, spacePath, site, policy }: CommandOf): string {
  const options: [name: string, value: string | undefined][] = [
    ['tenant', tenant],
    ['topic', filter.topic],
    ['site', spacePath === undefined ? site : undefined],
    ['space', spacePath],
    ['device', filter.device],
    ['outcome', filter.outcomes.join(',')],
    ['since', filter.from],
    ['until', filter.to],
    ['policy', policy === null ? undefined : 'policy.json'],
  ]
  const words = options
    .filter((option): option is [string, string] => option[1] !== undefined && option[1] !== '')
    .map(([name, value]) => ` --${name} ${quoted(value)}`)
  const file = policy === null ? '' : `echo ${quoted(JSON.stringify(policy))} > policy.json\n`
  return `${file}baywire replay${words.join('')}`
}

/** One word of a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
