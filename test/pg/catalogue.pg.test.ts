import { beforeAll, describe, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/store/client.ts'
import { createTestDatabase } from '../support/database.ts'
import { makeWorld, type World } from '../support/tenant-world.ts'
import { accountTables, definerFunctions, exceptions, wallOf } from './support/walls.ts'

/** The walls between tenants, read from the catalogue: a table that comes without them is found here (G-T1). */
let owner: Sql
let world: World
const runtimeRoles = ['baywire_api', 'baywire_ingest']

beforeAll(async () => {
  const database = await createTestDatabase()
  owner = connect({ url: database.ownerUrl, max: 2, statementTimeoutMs: 30_000, name: 'catalogue' })
  world = await makeWorld(owner)
  return async () => {
    await owner.end({ timeout: 1 })
    await database.drop()
  }
})

describe('tables', () => {
  test('have row level security, enabled and forced, partitions too', async () => {
    const tables = await owner<{ name: string; walled: boolean }[]>`
      SELECT relname AS name, relrowsecurity AND relforcerowsecurity AS walled
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f')`
    expect(tables.length).toBeGreaterThan(35)
    expect(tables.filter(({ walled }) => !walled)).toEqual([])
  })

  test('outside of the schema hold nothing but the versions of the schema', async () => {
    const others = await owner`
      SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'f')
        AND relnamespace::regnamespace::text NOT IN ('public', 'pg_catalog', 'information_schema', 'pg_toast')`
    expect(others.map((row) => row['name'])).toEqual(['__drizzle_migrations'])
  })

  test('are of a tenant, each row of them, or have their reason not to be', () => {
    const free = world.maker.tables.filter((table) => wallOf(table) !== 'tenant')
    expect(free.toSorted()).toEqual([...Object.keys(exceptions), ...accountTables].toSorted())
    expect(Object.keys(exceptions).length).toBeLessThanOrEqual(6)
    const withoutTenant = world.maker.tables.filter(
      (table) => wallOf(table) === 'tenant' && !world.maker.columnsOf(table).includes('tenant_id'),
    )
    expect(withoutTenant).toEqual([])
  })

  test('know the tenant of each row', async () => {
    const rows = await owner<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id' AND NOT a.attnotnull`
    expect(rows.map(({ name }) => name).filter((name) => !accountTables.includes(name))).toEqual([])
  })

  test('are each seen by tenant where the api may use them', async () => {
    const granted = await owner<{ name: string; command: string }[]>`
      SELECT c.relname AS name, right_.command FROM pg_class c,
        (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS right_(privilege, command)
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND (has_table_privilege('baywire_api', c.oid, right_.privilege)
          OR right_.privilege <> 'DELETE' AND has_any_column_privilege('baywire_api', c.oid, right_.privilege))
        AND NOT EXISTS (
          SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polroles @> ARRAY['baywire_api'::regrole::oid]
            AND p.polcmd::text IN ('*', right_.command)
            AND (right_.command = 'a' OR p.polqual IS NOT NULL)
            AND (right_.command IN ('r', 'd') OR p.polwithcheck IS NOT NULL))`
    expect([...granted]).toEqual([])
  })

  test('have no policy for everybody, and none that takes a tenant from elsewhere than the transaction', async () => {
    const policies = await owner<{ name: string; table: string; rule: string; roles: string[] }[]>`
      SELECT polname AS name, polrelid::regclass::text AS table,
        concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) AS rule,
        (SELECT jsonb_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE r::regrole::text END) FROM unnest(polroles) r) AS roles
      FROM pg_policy`
    expect(policies.filter(({ roles }) => roles.includes('PUBLIC'))).toEqual([])
    const ofTheApi = policies.filter(({ roles }) => roles.includes('baywire_api'))
    expect(ofTheApi.length).toBeGreaterThan(35)
    const unbound = ofTheApi.filter(({ rule }) => !/app_(tenant|door)\(\)/.test(rule))
    expect(unbound.map(({ table }) => table).toSorted()).toEqual(['job_runs', 'jobs', 'leases'])
  })
})

async function countBehind(door: string, table: string): Promise<number> {
  return await owner.begin(async (tx) => {
    await tx`SELECT set_config('app.door', ${door}, true)`
    await tx`SET LOCAL ROLE baywire_api`
    return (await tx`SELECT * FROM ${tx(table)}`).length
  })
}

describe('the door of the accounts', () => {
  test('is the only way to people and logins: without it there are none', async () => {
    for (const [door, rows] of [
      ['', 0],
      ['accounts', 3],
      ['Accounts', 0],
    ] as const) {
      const seen = await Promise.all(accountTables.map((table) => countBehind(door, table)))
      expect(seen, door).toEqual(accountTables.map(() => rows))
    }
  })

  test('leads nowhere for ingest, which is granted nothing of accounts but to sweep', async () => {
    const own = [...accountTables, 'memberships', 'invites', 'api_keys', 'audit_log', 'audit_heads', 'idempotency_keys']
    const granted = await owner`
      SELECT relname AS name, privilege FROM pg_class c,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ${owner(own)}
        AND has_any_column_privilege('baywire_ingest', c.oid, privilege) ORDER BY 1`
    // Whose time is over is swept away: by when that is, and nothing else of it is told.
    expect(granted.map((row) => `${row['name']} ${row['privilege']}`)).toEqual([
      'idempotency_keys SELECT',
      'rate_limits SELECT',
    ])
    const columns = await owner`
      SELECT table_name || '.' || column_name AS name FROM information_schema.column_privileges
      WHERE grantee = 'baywire_ingest' AND table_name IN ('idempotency_keys', 'rate_limits') ORDER BY 1`
    expect(columns.map((row) => row['name'])).toEqual([
      'idempotency_keys.created_at',
      'idempotency_keys.tenant_id',
      'rate_limits.expire',
      'rate_limits.key',
    ])
  })
})

describe('views and functions', () => {
  test('views run with the rights of whoever asks, and nothing of them is kept', async () => {
    const views = await owner`
      SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND (relkind = 'm' OR relkind = 'v' AND NOT coalesce(reloptions @> '{security_invoker=true}', false))`
    expect([...views]).toEqual([])
  })

  test('functions with the rights of the owner are known, have a fixed path, and are not for everybody', async () => {
    const functions = await owner<{ name: string; path: string | null; everybody: boolean }[]>`
      SELECT proname AS name, (SELECT c FROM unnest(proconfig) c WHERE c LIKE 'search_path=%') AS path,
        EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) AS everybody
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef`
    expect(functions.map(({ name }) => name).toSorted()).toEqual(Object.keys(definerFunctions).toSorted())
    expect(functions.filter(({ path }) => !/^search_path=pg_catalog(, public)?$/.test(path ?? ''))).toEqual([])
    expect(functions.filter(({ everybody }) => everybody)).toEqual([])
  })

  test('the api may not make partitions, nor drop them', async () => {
    for (const call of ['make_reading_partitions(current_date, 1)', 'drop_reading_partition(current_date)']) {
      const attempt = owner.begin(async (tx) => {
        await tx`SET LOCAL ROLE baywire_api`
        await tx.unsafe(`SELECT ${call}`)
      })
      await expect(attempt).rejects.toMatchObject({ code: '42501' })
    }
  })

  test('a tenant is erased from within alone', async () => {
    for (const from of ['', world.one.id]) {
      const attempt = owner.begin(async (tx) => {
        await tx`SELECT set_config('app.tenant', ${from}, true)`
        await tx`SET LOCAL ROLE baywire_api`
        await tx`SELECT erase_tenant(${world.two.id})`
      })
      await expect(attempt).rejects.toMatchObject({ code: '42501' })
    }
    expect(await owner`SELECT FROM sites WHERE tenant_id = ${world.two.id}`).toHaveLength(1)
  })

  test('an entry of the audit log is chained as the owner chains it, in its own tenant alone', async () => {
    const write = (tenantId: string) =>
      owner.begin(async (tx) => {
        await tx`SELECT set_config('app.tenant', ${world.one.id}, true)`
        await tx`SET LOCAL ROLE baywire_api`
        await tx`
          INSERT INTO audit_log (tenant_id, actor_kind, actor_id, action, target_kind, target_id, detail)
          VALUES (${tenantId}, 'system', 'test', 'tested', 'test', 'test', '{}')`
        return await tx<{ chained: boolean }[]>`
          SELECT h.seq = l.seq AND h.hash = l.hash AND l.hash = audit_entry_hash(l) AS chained
          FROM audit_heads h JOIN LATERAL (SELECT * FROM audit_log ORDER BY seq DESC LIMIT 1) l ON true`
      })
    expect([...(await write(world.one.id))]).toEqual([{ chained: true }])
    await expect(write(world.two.id)).rejects.toMatchObject({ code: '42501' })
  })
})

describe('the roles at work', () => {
  test('are held by the walls: no superuser, no bypass, no login, members of nothing', async () => {
    const roles = await owner<{ name: string; held: boolean }[]>`
      SELECT rolname AS name, NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication)
        AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS held
      FROM pg_roles r WHERE rolname IN ${owner(runtimeRoles)} ORDER BY 1`
    expect([...roles]).toEqual(runtimeRoles.map((name) => ({ name, held: true })))
  })

  test('own nothing', async () => {
    const owned = await owner`
      SELECT classid::regclass, objid FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
      WHERE d.deptype = 'o' AND r.rolname IN ${owner(runtimeRoles)}`
    expect([...owned]).toEqual([])
  })

  test('may not empty, refer to or watch tables, nor make anything', async () => {
    const granted = await owner`
      SELECT relname, role, privilege FROM pg_class c, unnest(${`{${runtimeRoles.join(',')}}`}::text[]) AS role,
        unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN']) AS privilege
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        AND has_table_privilege(role, c.oid, privilege)`
    expect([...granted]).toEqual([])
    const makes = await owner`
      SELECT role FROM unnest(${`{${runtimeRoles.join(',')}}`}::text[]) AS role WHERE has_schema_privilege(role, 'public', 'CREATE')`
    expect([...makes]).toEqual([])
  })

  test('reach no partition but through its parent', async () => {
    const granted = await owner`
      SELECT relname FROM pg_class c, unnest(${`{${runtimeRoles.join(',')}}`}::text[]) AS role, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
      WHERE c.relispartition AND c.relkind = 'r' AND has_any_column_privilege(role, c.oid, privilege)`
    expect([...granted]).toEqual([])
  })
})
