import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseCsv } from '../../src/csv.ts'
import { importPlaces, type ImportOptions } from '../../src/cli/import/import-places.ts'
import { readPlaces } from '../../src/cli/import/place-file.ts'
import { connect, type Sql } from '../../src/store/client.ts'
import { tenantDatabase, type TenantDatabase } from '../../src/store/transactions.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let tenants: TenantDatabase
let owner: Sql

beforeAll(async () => {
  database = await createTestDatabase()
  const common = { url: database.ownerUrl, max: 4, statementTimeoutMs: 20_000, name: 'test' }
  tenants = tenantDatabase(common)
  owner = connect(common)
})

afterAll(async () => {
  await Promise.all([tenants.close(), owner.end()])
  await database.drop()
})

const create = { name: 'City', public: false }

function importLines(lines: string[], options: Partial<ImportOptions> = {}) {
  const places = readPlaces(parseCsv('places.csv', lines.join('\n')))
  return importPlaces(tenants, places, { tenant: 'city', create, dryRun: false, ...options })
}

async function spaces(tenant: string) {
  const rows = await owner`
    select sites.code as site, sites.name as site_name, spaces.code, spaces.name, zones.code as zone, level,
      spaces.lat, plan_x, to_json(features) as features, space_states.status
    from spaces join tenants on tenants.id = spaces.tenant_id join sites on sites.id = site_id
      left join zones on zones.id = zone_id left join space_states on space_id = spaces.id
    where slug = ${tenant} order by site, spaces.code`
  return rows.map((row) => ({ ...row }))
}

const file = [
  'site,space,site_name,name,level,lat,lon,plan_x,zone,features',
  'a,1,Alpha,First,P1,55.5,-3.25,2.5,blue,charging;wide',
  'a,2,,,,,,,blue,',
  'b,1,,,,,,,,',
]
const first = {
  site: 'a',
  site_name: 'Alpha',
  code: '1',
  name: 'First',
  zone: 'blue',
  level: 'P1',
  lat: 55.5,
  plan_x: 2.5,
  features: ['charging', 'wide'],
  status: 'unknown',
}
const bare = { zone: null, level: null, lat: null, plan_x: null, features: [], status: 'unknown' }
const written = (created: number, updated: number, unchanged: number) => ({ created, updated, unchanged })

test('makes what is missing, then finds nothing to do', async () => {
  expect(await importLines(file)).toEqual({
    sites: written(2, 0, 0),
    zones: written(1, 0, 0),
    spaces: written(3, 0, 0),
    ignored_columns: [],
    dry_run: false,
  })
  expect(await spaces('city')).toEqual([
    first,
    { ...bare, site: 'a', site_name: 'Alpha', code: '2', name: '2', zone: 'blue' },
    { ...bare, site: 'b', site_name: 'b', code: '1', name: '1' },
  ])
  expect(await importLines(file)).toMatchObject({
    sites: written(0, 0, 2),
    zones: written(0, 0, 1),
    spaces: written(0, 0, 3),
  })
})

test('changes what the file says, and nothing else', async () => {
  await importLines(file, { tenant: 'change' })
  const summary = await importLines(['site,space,level,zone', 'a,1,P2,red', 'a,2,,blue', 'a,3,P1,'], {
    tenant: 'change',
  })
  expect(summary).toMatchObject({ sites: written(0, 0, 1), zones: written(1, 0, 1), spaces: written(1, 1, 1) })
  const [changed, same, made, untouched] = await spaces('change')
  expect(changed).toEqual({ ...first, level: 'P2', zone: 'red' })
  expect(same).toMatchObject({ code: '2', zone: 'blue' })
  expect(made).toMatchObject({ code: '3', level: 'P1', status: 'unknown' })
  expect(untouched).toMatchObject({ site: 'b', code: '1' })
})

test('a dry run says what would be done, and leaves not even the tenant', async () => {
  const summary = await importLines(file, { tenant: 'dry', dryRun: true })
  expect(summary).toMatchObject({ sites: written(2, 0, 0), spaces: written(3, 0, 0), dry_run: true })
  expect(await owner`select from tenants where slug = 'dry'`).toHaveLength(0)
})

test('an unknown tenant is refused, unless it is to be made', async () => {
  await expect(importLines(file, { tenant: 'nobody', create: undefined })).rejects.toThrow(
    'there is no tenant "nobody"',
  )
})

test('two imports at once both succeed', async () => {
  await Promise.all([1, 2, 3].map(() => importLines(file, { tenant: 'race' })))
  expect(await spaces('race')).toHaveLength(3)
})
