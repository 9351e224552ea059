import type { Sql } from '../../../src/store/client.ts'
import { insertion } from '../../support/catalogue-rows.ts'
import type { World } from '../../support/tenant-world.ts'
import { readThroughDoor, wallOf } from './walls.ts'

/**
 * What `baywire_api` can do to the rows of a table by its policies alone: each probe is one statement, by whom it is sent, and
 * the one answer that is right. Grants, triggers and keys are out of the way meanwhile, so that no other wall hides a hole.
 */
export interface Probe {
  name: string
  tenantId: string | undefined
  door: boolean
  statement: string
  /** Rows that it may touch, or the SQLSTATE that it may end with. */
  expected: readonly string[]
}

const REFUSED = ['42501']
/** A key that is taken tells that no policy stood in the way: policies are asked first. */
const LET_IN = ['1', '23505', '23P01']

/** Makes way for probes, within a transaction that is to be rolled back. */
export async function prepareProbes(tx: Sql): Promise<void> {
  await tx`SET LOCAL session_replication_role = replica`
  await tx`GRANT ALL ON ALL TABLES IN SCHEMA public TO baywire_api`
  await tx`CREATE SCHEMA probes`
  await tx`GRANT USAGE ON SCHEMA probes TO PUBLIC`
  // Undone whatever it did: what it touched is told by the variable, which a rollback leaves alone.
  await tx`
    CREATE FUNCTION probes.attempt(role_name text, tenant text, door text, statement text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE touched bigint; answer text;
    BEGIN
      PERFORM set_config('app.tenant', tenant, true), set_config('app.door', door, true);
      BEGIN
        EXECUTE format('SET LOCAL ROLE %I', role_name);
        EXECUTE statement;
        GET DIAGNOSTICS touched = ROW_COUNT;
        RAISE EXCEPTION USING ERRCODE = 'UNDO1';
      EXCEPTION
        WHEN SQLSTATE 'UNDO1' THEN answer := touched::text;
        WHEN OTHERS THEN answer := SQLSTATE;
      END;
      RETURN answer;
    END $$`
}

/** The probes whose answers are not the right ones. */
export async function failedProbes(tx: Sql, probes: readonly Probe[]): Promise<string[]> {
  const sent = JSON.stringify(probes.map(({ tenantId = '', door, statement }) => ({ tenantId, door, statement })))
  const answers = await tx<{ answer: string }[]>`
    SELECT probes.attempt('baywire_api', p->>'tenantId', CASE WHEN (p->>'door')::boolean THEN 'accounts' ELSE '' END, p->>'statement') AS answer
    FROM jsonb_array_elements((${sent}::text)::jsonb) WITH ORDINALITY AS sent(p, n) ORDER BY n`
  return probes.flatMap(({ name, expected }, at) => {
    const answer = answers[at]?.answer
    return expected.includes(answer ?? '') ? [] : [`${name}: ${answer} and not ${expected.join(' or ')}`]
  })
}

export function probesOf(table: string, world: World): Probe[] {
  const contexts = [
    { tenantId: world.one.id, door: false },
    { tenantId: undefined, door: false },
    { tenantId: undefined, door: true },
    { tenantId: world.one.id, door: true },
  ]
  return contexts.flatMap((context) => probesFrom(table, { ...context, world }))
}

interface Context {
  tenantId: string | undefined
  door: boolean
  world: World
}

function probesFrom(table: string, context: Context): Probe[] {
  const { tenantId, door, world } = context
  const who = `${table}, ${tenantId === undefined ? 'no tenant' : 'a tenant'}${door ? ' through the door' : ''}`
  const { seen, written } = rightsOf(table, context)
  const column = world.maker.columnsOf(table)[0] ?? ''
  const key = wallOf(table) === 'tenants' ? 'id' : 'tenant_id'
  const probe = (what: string, statement: string, expected: readonly string[]): Probe => ({
    name: `${who}: ${what}`,
    tenantId,
    door,
    statement,
    expected,
  })
  return [
    probe('select', `SELECT * FROM "${table}"`, [String(seen)]),
    probe('update', `UPDATE "${table}" SET "${column}" = "${column}"`, [String(written)]),
    probe('delete', `DELETE FROM "${table}"`, [String(written)]),
    ...insertProbes(table, { ...context, probe }),
    ...(wallOf(table) === 'tenant' || wallOf(table) === 'tenants'
      ? [
          probe(
            'give away',
            `UPDATE "${table}" SET ${key} = '${world.two.id}' WHERE ${key} = '${world.one.id}'`,
            written === 0 ? ['0'] : REFUSED,
          ),
        ]
      : []),
  ]
}

function insertProbes(
  table: string,
  {
    tenantId,
    door,
    world,
    probe,
  }: Context & { probe: (what: string, statement: string, expected: readonly string[]) => Probe },
): Probe[] {
  const wall = wallOf(table)
  return [world.one, world.two].map((tenant) => {
    const row = world.maker.make(table, { tenantId: tenant.id, marker: tenant.marker, parents: tenant.rows })
    const own = tenant.id === tenantId
    const allowed = wall === 'door' ? door : wall !== 'shared' && own
    return probe(`insert of ${tenant.marker}`, insertion(table, row), allowed ? LET_IN : REFUSED)
  })
}

/** How many rows of three tenants, each with one row, one may see and write. */
function rightsOf(table: string, { tenantId, door }: Context): { seen: number; written: number } {
  const wall = wallOf(table)
  if (wall === 'shared') return { seen: 3, written: 0 }
  if (wall === 'door') {
    // A tenant sees who its members are, and nothing of their logins.
    const members = table === 'users' && tenantId !== undefined ? 1 : 0
    return door ? { seen: 3, written: 3 } : { seen: members, written: 0 }
  }
  const own = tenantId === undefined ? 0 : 1
  return { seen: door && readThroughDoor.includes(table) ? 3 : own, written: own }
}
