import { instantOfWall, wallTime } from '../zone-times.ts'

/** What of the audit log is shown, as the URL says, and as the API is asked. Pure. */
export interface AuditFilters {
  actor: string
  action: string
  target: string
  /** RFC 3339, or empty. */
  since: string
  until: string
}

export const filterNames = [
  'actor',
  'action',
  'target',
  'since',
  'until',
] as const satisfies readonly (keyof AuditFilters)[]

export function auditFiltersOf(query: URLSearchParams): AuditFilters {
  const of = (name: string) => (query.get(name) ?? '').trim()
  return { actor: of('actor'), action: of('action'), target: of('target'), since: of('since'), until: of('until') }
}

/** Without what is not filtered by. */
export function askedOf(filters: AuditFilters): Partial<AuditFilters> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== ''))
}

export const isFiltered = (filters: AuditFilters): boolean => filterNames.some((name) => filters[name] !== '')

/** Of an input in the browser's time; empty where it is none. */
export function timeOfInput(value: string): string {
  return instantOfWall(value)?.toISOString() ?? ''
}

/** For the input; what is no time is shown as none. */
export function inputOfTime(at: string): string {
  const date = new Date(at)
  return at === '' || Number.isNaN(date.getTime()) ? '' : wallTime(date)
}
