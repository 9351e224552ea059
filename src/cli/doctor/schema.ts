import type { Sql } from '../../store/client.ts'
import { ok, problem, warning, type Finding } from './finding.ts'

/** What the migrations have made, as it is now: somebody may have changed it since. */

/**
 * Every table with tenants in it has row level security, forced; and each of the two roles that may use a table has
 * a policy there, which for baywire_api is about one tenant. Partitions are reached through their table alone.
 */
export async function checkRowSecurity(sql: Sql): Promise<Finding | Finding[]> {
  const tables = await sql<TenantTable[]>`
    select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced, c.relispartition as partition,
      array_to_string(array(
        select r.rolname from pg_roles r
        where r.rolname in ('baywire_api', 'baywire_ingest') and has_table_privilege(r.oid, c.oid, 'SELECT')
          and not exists (select from pg_policy p where p.polrelid = c.oid and (r.oid = any(p.polroles) or 0 = any(p.polroles)))
      ), ' and ') as blind,
      exists (
        select from pg_policy p where p.polrelid = c.oid
          and (0 = any(p.polroles) or (select oid from pg_roles where rolname = 'baywire_api') = any(p.polroles))
          and coalesce(pg_get_expr(p.polqual, p.polrelid), '') not similar to '%(app_tenant|app_door)%' and p.polcmd <> 'a'
      ) as open
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and (c.relname = 'tenants' or exists (
        select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
    order by c.relname`
  const faults = tables.flatMap((table) => faultsOf(table).map((what) => `${table.name}: ${what}`))
  if (faults.length === 0)
    return ok('row level security', `enabled and forced on ${tables.length} tables and partitions`)
  return faults.map((what) =>
    problem('row level security', what, 'restore what the migrations in drizzle/ made, and find out who changed it'),
  )
}

interface TenantTable {
  name: string
  enabled: boolean
  forced: boolean
  partition: boolean
  /** Roles that may read it and have no policy. */
  blind: string
  /** baywire_api has a policy that is not about one tenant. */
  open: boolean
}

function faultsOf({ enabled, forced, partition, blind, open }: TenantTable): string[] {
  const faults: string[] = []
  if (!enabled) faults.push('row level security is not enabled: every tenant sees all rows')
  else if (!forced) faults.push('row level security is not forced: it does not hold the owner')
  if (partition) return faults
  if (blind !== '') faults.push(`no policy for ${blind}, which therefore sees no rows`)
  if (open) faults.push('a policy of baywire_api is not bound to one tenant')
  return faults
}

const dayMs = 86_400_000
/** Fewer days than this and a weekend without the jobs role could use them up. */
const comfortableDays = 3

/** The log has a partition for each day of arrival, in UTC; without today's no reading can be committed. */
export async function checkPartitions(sql: Sql, now: number): Promise<Finding> {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'public.readings'::regclass`
  const names = new Set(rows.map(({ name }) => name))
  let days = 0
  while (names.has(partitionOf(now + days * dayMs))) days++
  const advice = 'run `baywire start jobs`, which makes them every hour'
  if (days === 0) return problem('partitions', 'there is none for today: nothing can be committed', advice)
  const what = `made for ${days} ${days === 1 ? 'day' : 'days'}, today included`
  return days < comfortableDays ? warning('partitions', what, advice) : ok('partitions', what)
}

function partitionOf(time: number): string {
  return `readings_${new Date(time).toISOString().slice(0, 10).replaceAll('-', '')}`
}
