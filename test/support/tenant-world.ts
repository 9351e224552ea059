import { newId } from '../../src/ids.ts'
import type { Sql } from '../../src/store/client.ts'
import { insertion, RowMaker, type Row } from './catalogue-rows.ts'

/** A tenant with a row in every table, or, as `users` or `sessions`, with rows that are no tenant's beside it. */
export interface WorldTenant {
  id: string
  marker: string
  rows: ReadonlyMap<string, Row>
}

/**
 * Tenants that hold the same: a row in every table, with equal codes, and each text that is free with the tenant's own marker
 * in it. There are three, since in a world of one or two a wrong answer can be right by chance.
 */
export interface World {
  maker: RowMaker
  one: WorldTenant
  two: WorldTenant
  three: WorldTenant
}

export async function makeWorld(owner: Sql): Promise<World> {
  await owner`SELECT make_reading_partitions((now() AT TIME ZONE 'UTC')::date - 1, 3)`
  const maker = await RowMaker.read(owner)
  const [one, two, three] = ['alpha', 'beta', 'gamma'].map((word) => makeTenant(maker, `marker-of-${word}`))
  if (one === undefined || two === undefined || three === undefined) throw new Error('three tenants were asked for')
  await owner.begin(async (tx) => {
    // No triggers: the chain of the audit log and the ends of logs are rows like all others here.
    await tx`SET LOCAL session_replication_role = replica`
    for (const { rows } of [one, two, three]) {
      for (const [table, row] of rows) await maker.insert(tx as unknown as Sql, table, row)
    }
  })
  await checkReferences(owner, maker)
  return { maker, one, two, three }
}

function makeTenant(maker: RowMaker, marker: string): WorldTenant {
  const rows = new Map<string, Row>()
  const id = newId()
  for (const table of maker.tables) {
    const code = table === 'tenants' ? marker : 'EQUAL-1'
    rows.set(table, maker.make(table, { tenantId: id, marker, parents: rows, code }))
  }
  return { id, marker, rows }
}

/** Rows that were made while nothing watched are as good as others: each reference leads somewhere. */
async function checkReferences(owner: Sql, maker: RowMaker): Promise<void> {
  for (const { name, table, columns, parent, parentColumns } of maker.foreignKeys) {
    const on = columns.map((column, at) => `c."${column}" = p."${parentColumns[at]}"`).join(' AND ')
    const given = columns.map((column) => `c."${column}" IS NOT NULL`).join(' AND ')
    const lost = await owner.unsafe(
      `SELECT FROM "${table}" c WHERE ${given} AND NOT EXISTS (SELECT FROM "${parent}" p WHERE ${on})`,
    )
    if (lost.length > 0) throw new Error(`a made up row of ${table} leads nowhere by ${name}`)
  }
}

/** What a further row needs anew, because there is one of it for each of these. */
const oneEach: Record<string, readonly string[]> = {
  memberships: ['users'],
  overrides: ['spaces'],
  device_assignments: ['devices', 'spaces'],
}

/** One more row of a tenant, unlike those that are there. */
export async function addRow(
  owner: Sql,
  { world, tenant, table, replace = {} }: { world: World; tenant: WorldTenant; table: string; replace?: Row },
): Promise<Row> {
  const { id: tenantId, marker } = tenant
  const parents = new Map(tenant.rows)
  for (const parent of oneEach[table] ?? []) parents.set(parent, await addRow(owner, { world, tenant, table: parent }))
  const row = { ...world.maker.make(table, { tenantId, marker, parents }), ...replace }
  await owner.unsafe(insertion(table, row))
  return row
}

/** What the tables hold of a tenant, table by table, so that any change shows. */
export async function fingerprint(
  owner: Sql,
  { maker }: World,
  { id }: WorldTenant,
): Promise<ReadonlyMap<string, string>> {
  const parts = maker.tables
    .filter((table) => table === 'tenants' || maker.columnsOf(table).includes('tenant_id'))
    .map((table) => {
      const key = table === 'tenants' ? 'id' : 'tenant_id'
      return `SELECT '${table}' AS "table", coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') AS digest
        FROM "${table}" t WHERE ${key} = '${id}'`
    })
  const rows = await owner.unsafe<{ table: string; digest: string }[]>(parts.join(' UNION ALL '))
  return new Map(rows.map(({ table, digest }) => [table, digest]))
}
