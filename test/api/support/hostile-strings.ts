import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Chance } from '../../support/seeded.ts'

/** Strings that have hurt others. The published lists are used where they are; a few of our own always are. */
const few = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\ufeff',
  '\u202e\u2066',
  'ﷺ'.repeat(1000),
  'x'.repeat(10_000),
  "'; drop table tenants; --",
  '" or ""="',
  '../../../etc/passwd',
  '%00%0a',
  '${7*7}{{7*7}}',
  '<script>alert(1)</script>',
  '=cmd|calc!A1',
  '\r\nX-Injected: 1',
  '__proto__',
  'constructor',
  'null',
  '00000000-0000-0000-0000-000000000000',
  '9'.repeat(400),
  '-1',
  '1e999',
  'Infinity',
  '2026-02-30T25:61:61Z',
  '👩‍👩‍👧‍👦'.repeat(100),
]

/** Next to the checkout, where the project is built. */
const folder = new URL('../../../../shared/data/malformed/', import.meta.url)

function published(file: string): string | undefined {
  try {
    return readFileSync(new URL(file, folder), 'utf8')
  } catch {
    // Not everybody has them.
    return undefined
  }
}

const listed = z.array(z.string()).parse(JSON.parse(published('naughty-strings.json') ?? '[]'))
export const naughtyStrings: readonly string[] = [...few, ...listed]
export const publishedListsAreThere = listed.length > 0

/** What has failed most: no database takes the first two. */
const worst = ['a\u0000b', '\ud800', '', 'x'.repeat(10_000)]

/** All of them with BAYWIRE_HOSTILE=all; else the worst and some of the others, not the same at each run. */
export function naughtyFor(chance: Chance, some = 4): readonly string[] {
  if (process.env['BAYWIRE_HOSTILE'] === 'all') return naughtyStrings
  return [...worst, ...Array.from({ length: some }, () => chance.pick(naughtyStrings))]
}

/** Right by RFC 3339, and yet instants that are written with another number of digits, or before there were years, in UTC. */
const farMoments: readonly string[] = [
  '9999-12-31T23:59:59-01:00',
  '9999-12-31T23:59:59.999Z',
  '0000-01-01T00:00:00Z',
  '0000-01-01T00:00:00+23:59',
  '0001-01-01T00:00:00+01:00',
]
const farDays: readonly string[] = ['9999-12-31', '0000-01-01', '0001-01-01']

export function farTimes(format: string | undefined): readonly string[] {
  if (format === 'date') return farDays
  return format === 'date-time' ? farMoments : []
}

const jsonCase = z.object({ expect: z.string(), base64: z.string() })

/** Bodies that are not JSON. */
export function brokenJson(chance: Chance): readonly Buffer[] {
  const lines = (published('json-test-suite.jsonl') ?? '').split('\n').filter((line) => line !== '')
  const rejected = lines
    .map((line) => jsonCase.parse(JSON.parse(line)))
    .filter(({ expect }) => expect === 'reject')
    .map(({ base64 }) => Buffer.from(base64, 'base64'))
  const own = ['{', '', '{"a":', '[1,]', 'nul', '{"a":1}}', "{'a':1}", '\u0000'].map((text) => Buffer.from(text))
  if (process.env['BAYWIRE_HOSTILE'] === 'all') return [...own, ...rejected]
  return [...own, ...(rejected.length > 0 ? Array.from({ length: 5 }, () => chance.pick(rejected)) : [])]
}
