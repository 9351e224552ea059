import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problemBody } from '../../src/api/schemas.ts'
import { say } from '../support/say.ts'
import { randomFrom } from '../support/seeded.ts'
import { apiFixture, insertSite, insertTenant, type ApiFixture } from './fixture.ts'
import { hostilityOf } from './support/hostile.ts'
import { publishedListsAreThere } from './support/hostile-strings.ts'
import { openSubject, type OpenSubject } from './support/subject.ts'

const naughtyStrings = new URL('../../../shared/data/malformed/naughty-strings.json', import.meta.url)

let fixture: ApiFixture

beforeAll(async () => {
  fixture = await apiFixture()
  const tenantId = await insertTenant(fixture.owner, { slug: 'demo' })
  await insertSite(fixture.owner, { tenantId, code: 'main' })
  return () => fixture.drop()
})

const demo = '/api/v1/public/demo'

/** Each place of a URL that somebody may put anything into. */
const places: Record<string, (text: string) => string> = {
  tenant: (text) => `/api/v1/public/${text}/sites`,
  'tenant of counts': (text) => `/api/v1/public/${text}/availability`,
  site: (text) => `${demo}/sites/${text}/spaces`,
  'site of counts': (text) => `${demo}/sites/${text}/availability`,
  cursor: (text) => `${demo}/sites?cursor=${text}`,
  limit: (text) => `${demo}/sites/main/spaces?limit=${text}`,
  parameter: (text) => `${demo}/availability?${text}=1`,
  path: (text) => `/${text}`,
}

/** Never a fault of ours, and never anything but the list or a problem; what comes to no path at all is the console's. */
async function expectCalm(url: string): Promise<void> {
  const response = await fixture.app.request(url)
  expect(response.status, url).toBeLessThan(500)
  if (new URL(`http://localhost${url}`).pathname === '/') return
  if (response.status === 200) {
    expect(response.headers.get('content-type'), url).toBe('application/json')
    return
  }
  expect(response.headers.get('content-type'), url).toBe('application/problem+json')
  problemBody.strict().parse(await response.json())
}

describe('hostile URLs', () => {
  it.for(Object.entries(places))('are refused calmly: naughty strings as %s', async ([, place], { skip }) => {
    const text = await readFile(naughtyStrings, 'utf8').catch(() => undefined)
    if (text === undefined) return skip('the shared list of naughty strings is not on this machine')
    const strings = z.array(z.string()).parse(JSON.parse(text))
    expect(strings.length).toBeGreaterThan(200)
    for (const naughty of strings) {
      await expectCalm(place(encodeURIComponent(naughty)))
      if (URL.canParse(`http://localhost${place(naughty)}`)) await expectCalm(place(naughty))
    }
  })

  const samples = [
    '%00',
    '%',
    '%E0%A4%A',
    '%ff%fe',
    '%2e%2e',
    '..%2f..%2fetc%2fpasswd',
    'a%2fb',
    "'%3B%20drop%20table%20tenants%3B--",
    '%F0%9F%85%BF',
    'x'.repeat(10_000),
    '__proto__',
    'constructor',
    '%5Bobject%20Object%5D',
    '*',
    ':tenant',
    '%0d%0aX-Injected:1',
  ]
  it.for(Object.entries(places))('are refused calmly: a few of our own as %s', async ([, place]) => {
    for (const sample of samples) await expectCalm(place(sample))
  })
})

/** Every route of the OpenAPI document: one that comes tomorrow is in it without a word here. BAYWIRE_HOSTILE=all for all strings. */
describe('every route', () => {
  let open: OpenSubject

  beforeAll(async () => {
    open = await openSubject()
    return () => open.close()
  })

  it('refuses bad input calmly, and tells nothing of the inside', { timeout: 300_000 }, async () => {
    const { subject, operations } = open
    const seed = Number(process.env['BAYWIRE_HOSTILE_SEED'] ?? Date.now() % 1_000_000)
    const { cases, faults } = await hostilityOf(subject, { operations, chance: randomFrom(seed) })
    expect(faults, `seed ${seed}`).toEqual([])
    say(
      `hostile: ${cases} cases over ${operations.length} routes, seed ${seed}${publishedListsAreThere ? '' : ', without the published lists, which are not on this machine'}`,
    )
  })
})
