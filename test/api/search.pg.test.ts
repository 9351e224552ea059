import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTenant, provision } from '../../src/store/provision.ts'
import { newId } from '../../src/ids.ts'
import { startOperators, type OperatedTenant, type Operators } from './operator.ts'

let operators: Operators
beforeAll(async () => {
  operators = await startOperators()
})
afterAll(() => operators.close())

interface Hit {
  kind: string
  code: string
  space?: string
  site?: string
}

async function scene(): Promise<OperatedTenant & { find(q: string, role?: 'driver'): Promise<string[]> }> {
  const city = await operators.tenant(['A-17', 'A-170', 'BA-17'])
  await inTenant(operators.tenants, { slug: city.slug }, (tx) =>
    provision(tx, {
      sites: [{ code: 'north' }],
      spaces: [
        { site: 'north', code: 'A-17' },
        { site: 'north', code: 'N1', name: '100%_\\ free' },
      ],
      devices: [{ code: 'spare-17' }],
    }),
  )
  return {
    ...city,
    async find(q, role) {
      const options = role === undefined ? {} : { role }
      const { status, body, text } = await city.ask('GET', `/search?q=${encodeURIComponent(q)}`, options)
      expect(status, text).toBe(200)
      return body.items.map((hit: Hit) => `${hit.kind} ${hit.site === undefined ? '' : `${hit.site}/`}${hit.code}`)
    },
  }
}

test('all of it first, then the beginning, then within; spaces before devices', async () => {
  const { find, ask, spaceId } = await scene()
  expect(await find('a-17')).toEqual([
    'space main/A-17',
    'space north/A-17',
    'device A-17',
    'space main/A-170',
    'device A-170',
    'space main/BA-17',
    'device BA-17',
  ])
  expect(await find('17')).toHaveLength(8)
  expect(await find(' north/a ')).toEqual(['space north/A-17'])
  expect(await find('100%_\\')).toEqual(['space north/N1'])
  expect(await find('%')).toEqual(['space north/N1'])
  expect(await find('nothing')).toEqual([])
  const { body } = await ask('GET', '/search?q=BA')
  expect(body.items).toEqual([
    {
      kind: 'space',
      id: await spaceId('BA-17'),
      code: 'BA-17',
      name: 'BA-17',
      site_id: expect.any(String),
      site: 'main',
      level: null,
      status: 'unknown',
    },
    {
      kind: 'device',
      id: expect.any(String),
      code: 'BA-17',
      name: null,
      space_id: await spaceId('BA-17'),
      space: 'main/BA-17',
    },
  ])
})

test('devices are for those who may see them, and what was deleted for nobody', async () => {
  const { id, find } = await scene()
  expect(await find('BA', 'driver')).toEqual(['space main/BA-17'])
  await operators.baywire.sql`update spaces set archived_at = now() where tenant_id = ${id} and code = 'BA-17'`
  expect(await find('BA', 'driver')).toEqual([])
  const other = await operators.tenant(['other-1'])
  expect((await other.ask('GET', '/search?q=17')).body.items).toEqual([])
})

test('at most 20, and what is no search is refused', async () => {
  const { id, ask, find } = await scene()
  const { sql } = operators.baywire
  const [site] = await sql<{ id: string }[]>`select id from sites where tenant_id = ${id} and code = 'main'`
  await sql`
    insert into spaces (tenant_id, id, site_id, code, name)
    select ${id}, gen_random_uuid(), ${site?.id ?? newId()}, 'M-' || n, 'Many ' || n from generate_series(1, 30) n`
  expect(await find('many')).toHaveLength(20)
  for (const query of ['', '?q=', '?q=%20', `?q=${'a'.repeat(101)}`, '?q=%00', '?q=a&q=b', '?q=a&limit=5']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect((await ask('GET', `/search${query}`)).status, query).toBe(400)
  }
})
