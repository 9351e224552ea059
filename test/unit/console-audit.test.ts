import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { askedOf, auditFiltersOf, inputOfTime, timeOfInput } from '../../console/src/audit/audit-filters.ts'
import {
  actorName,
  knownActions,
  sentenceOf,
  spaceIdsOf,
  type Entry,
  type Told,
} from '../../console/src/audit/sentences.ts'

const told: Told = {
  people: {
    known: new Map([
      ['user:u1', 'Anna'],
      ['user:u2', 'Ben'],
      ['api_key:k1', 'Signs'],
    ]),
    ownId: 'u9',
  },
  places: {
    called: new Map([
      ['s17', 'A-17'],
      ['s18', 'A-18'],
      ['north', 'North'],
    ]),
  },
  time: (at) => at.slice(11, 16),
}

function entry(action: string, detail: Record<string, unknown> = {}, target = { kind: 'override', id: 'o1' }): Entry {
  return { seq: 1, at: '', actor: { kind: 'user', id: 'u1' }, action, target, detail, request_id: null, hash: '' }
}

const said = (one: Entry) =>
  `${actorName(one, told)} ${sentenceOf(one, told)
    .map((word) => (typeof word === 'string' ? word : word.name))
    .join('')}`

describe('an audit entry', () => {
  it('is a sentence', () => {
    const ends = { ends_at: '2026-11-21T18:00:00.000Z' }
    expect(said(entry('override.created', { kind: 'blocked', spaces: ['s17'], ...ends }))).toBe(
      'Anna blocked A-17 until 18:00',
    )
    expect(said(entry('override.created', { kind: 'out_of_service', spaces: ['s17', 's18'], ends_at: null }))).toBe(
      'Anna took A-17 and A-18 out of service until further notice',
    )
    expect(said(entry('override.created', { kind: 'blocked', spaces: ['1', '2', '3', '4'], ...ends }))).toBe(
      'Anna blocked 4 spaces until 18:00',
    )
    expect(said(entry('override.ended', { space: 's17' }))).toBe('Anna gave A-17 back to use')
    expect(said(entry('device.assigned', { code: 'eye', space_id: 's18' }, { kind: 'device', id: 'd' }))).toBe(
      'Anna put the device eye at A-18',
    )
    expect(said(entry('member.role_changed', { from: 'viewer', to: 'admin' }, { kind: 'member', id: 'u2' }))).toBe(
      'Anna made Ben admin (was viewer)',
    )
    expect(said(entry('site.changed', { fields: ['name', 'plan_width'] }, { kind: 'site', id: 'north' }))).toBe(
      'Anna changed the site North (name, plan width)',
    )
    expect(said(entry('reservation.moved', { space: 's18', from_space: 's17' }))).toBe(
      'Anna moved a reservation from A-17 to A-18',
    )
  })

  it('is told where an id says nothing, an action is new, and a detail is not what it should be', () => {
    expect(said(entry('override.ended', { space: '01995b6e-9a10-7c02-8b11-3d5e6f708192' }))).toContain('…708192')
    expect(said(entry('robot.waved', { code: 'R2' }, { kind: 'robot', id: 'x' }))).toBe('Anna robot waved: robot R2')
    expect(said(entry('constructor'))).toContain('constructor')
    for (const action of knownActions) {
      for (const detail of [{}, { spaces: 7, space: null, fields: 'no', code: {}, role: [], ends_at: 5 }]) {
        expect(said(entry(action, detail)), action).toMatch(/^Anna ./)
      }
    }
  })

  it('names everybody', () => {
    expect(actorName({ actor: { kind: 'api_key', id: 'k1' } }, told)).toBe('API key Signs')
    expect(actorName({ actor: { kind: 'user', id: 'u9' } }, told)).toBe('You')
    expect(actorName({ actor: { kind: 'command', id: 'baywire user' } }, told)).toBe('baywire user')
    expect(actorName({ actor: { kind: 'user', id: '01995b6e-9a10-7c02-8b11-3d5e6f708192' } }, told)).toBe(
      'a person (…708192)',
    )
  })

  it('says which spaces it names', () => {
    expect(spaceIdsOf(entry('override.created', { spaces: ['a', 'b'] }))).toEqual(['a', 'b'])
    expect(spaceIdsOf(entry('override.created', { spaces: ['a', 'b', 'c', 'd'] }))).toEqual([])
    expect(spaceIdsOf(entry('space.changed', {}, { kind: 'space', id: 'a' }))).toEqual(['a'])
  })
})

it('has words for all that is recorded', () => {
  const root = join(import.meta.dirname, '../../src')
  const files = ['administration', 'auth', 'reservations'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((file) => readFileSync(join(root, folder, file), 'utf8')),
  )
  const recorded = files.flatMap((text) =>
    Array.from(
      text.matchAll(
        /'((?:api_key|device|gateway|invite|member|orphan|override|policy|site|space|spaces|tenant|user|zone|session)\.[a-z_]+)'/g,
      ),
      ([, action = '']) => action,
    ),
  )
  expect(recorded.length).toBeGreaterThan(30)
  expect(recorded.filter((action) => !knownActions.includes(action))).toEqual([])
})

it('filters as the URL says', () => {
  const filters = auditFiltersOf(new URLSearchParams('actor=user:u1&since=2026-11-21T10:00:00.000Z&limit=9'))
  expect(askedOf(filters)).toEqual({ actor: 'user:u1', since: '2026-11-21T10:00:00.000Z' })
  expect(timeOfInput(inputOfTime(filters.since))).toBe(filters.since)
  expect([timeOfInput(''), inputOfTime('yesterday')]).toEqual(['', ''])
})
