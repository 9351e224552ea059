import type { ListedPerson } from '../../store/people.ts'
import { columns } from '../columns.ts'

const headings = ['address', 'name', 'state', 'belongs to'] as const

/** For people: a line each, in columns. */
export function peopleTable(people: readonly ListedPerson[]): string {
  return columns([headings, ...people.map(cells)])
}

function cells({ email, name, verified, disabled, administrator, tenants }: ListedPerson): string[] {
  const state = [
    disabled ? 'disabled' : verified ? 'active' : 'unverified',
    ...(administrator ? ['administrator'] : []),
  ].join(', ')
  return [email, name, state, tenants.map(({ slug, role }) => `${slug} (${role})`).join(', ') || '-']
}
