import { sql, type SQL } from 'drizzle-orm'
import { restored, type SpaceState } from '../occupancy/state.ts'
import { storedPolicyFieldsSchema, type PolicyFields } from '../occupancy/policy.ts'
import type { TenantTransaction } from './transactions.ts'

/** What explaining a space begins with: where it is, what stood there, and how far its inputs go. Times in epoch milliseconds. */
export interface ExplainedSpace {
  readonly id: string
  readonly code: string
  readonly siteId: string
  /** The site's code, and the tenant's slug. */
  readonly site: string
  readonly tenant: string
  /** Place of its last input; 0 where it never had one. */
  readonly inputSeq: number
  /** What it is now; undefined where it never had an input. */
  readonly live: SpaceState | undefined
  /** When that was recorded, and its newest evidence. */
  readonly updatedAt: number | null
  readonly observedAt: number | null
  /** Behind which its inputs may still be kept, the newest first. */
  readonly checkpoints: readonly { readonly inputSeq: number; readonly state: SpaceState }[]
  /** All that ever stood there: the log is found by them, since no index knows it by space. */
  readonly devices: readonly { readonly id: string; readonly code: string }[]
}

export type WantedSpace = { readonly id: string } | { readonly site: string; readonly space: string }

type Row = Omit<ExplainedSpace, 'checkpoints' | 'live'> & {
  live: Partial<SpaceState> | null
  checkpoints: { inputSeq: number; state: Partial<SpaceState> }[]
} & Record<string, unknown>

export async function selectExplainedSpace(
  tx: TenantTransaction,
  wanted: WantedSpace,
): Promise<ExplainedSpace | undefined> {
  const named =
    'id' in wanted ? sql`p.id = ${wanted.id}::uuid` : sql`i.code = ${wanted.site} and p.code = ${wanted.space}`
  const [row] = await tx.execute<Row>(sql`
    select p.id, p.code, p.site_id as "siteId", i.code as site, t.slug as tenant,
      coalesce(s.input_seq, 0)::float8 as "inputSeq", ${epoch(sql`s.updated_at`)} as "updatedAt",
      ${epoch(sql`s.observed_at`)} as "observedAt", s.state as live,
      (select coalesce(json_agg(json_build_object('inputSeq', c.input_seq, 'state', c.state)
          order by c.input_seq desc), '[]')
        from space_checkpoints c where c.tenant_id = p.tenant_id and c.space_id = p.id) as checkpoints,
      (select coalesce(json_agg(json_build_object('id', d.id, 'code', d.code)), '[]') from devices d
        where d.tenant_id = p.tenant_id and d.id in (
          select a.device_id from device_assignments a where a.tenant_id = p.tenant_id and a.space_id = p.id)) as devices
    from spaces p
    join sites i on i.tenant_id = p.tenant_id and i.id = p.site_id
    join tenants t on t.id = p.tenant_id
    left join space_states s on s.tenant_id = p.tenant_id and s.space_id = p.id
    where p.tenant_id = ${tx.tenantId} and p.archived_at is null and ${named}`)
  return (
    row && {
      ...row,
      live: row.live === null || row.inputSeq === 0 ? undefined : restored(row.live),
      checkpoints: row.checkpoints.map(({ inputSeq, state }) => ({ inputSeq, state: restored(state) })),
    }
  )
}

/** What the tenant, the site and the space ever said of a policy, the oldest first. */
export interface SaidPolicy extends Record<string, unknown> {
  version: number
  scope: 'tenant' | 'site' | 'space'
  fields: PolicyFields
}

export async function selectSaidPolicies(
  tx: TenantTransaction,
  { id, siteId }: Pick<ExplainedSpace, 'id' | 'siteId'>,
): Promise<SaidPolicy[]> {
  const rows = await tx.execute<SaidPolicy>(sql`
    select version, scope, fields from policies
    where tenant_id = ${tx.tenantId} and (scope_id is null or scope_id in (${siteId}::uuid, ${id}::uuid))
    order by version`)
  return rows.map((row) => ({ ...row, fields: storedPolicyFieldsSchema.parse(row.fields) }))
}

/** The beginning of the oldest day that the log still has; undefined where it has none. */
export async function selectLogBegin(tx: TenantTransaction): Promise<number | undefined> {
  const [row] = await tx.execute<{ day: string | null }>(sql`
    select min(substring(c.relname from 'readings_([0-9]{8})$')) as day
    from pg_inherits h join pg_class c on c.oid = h.inhrelid where h.inhparent = 'public.readings'::regclass`)
  const day = row?.day ?? null
  return day === null ? undefined : Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00:00Z`)
}

/** A time of Postgres as epoch milliseconds. */
export function epoch(time: SQL): SQL {
  return sql`floor(extract(epoch from ${time}) * 1000)::float8`
}

/** A time as Postgres takes it, of the type timestamptz when the statement is planned: so that it looks at the days concerned alone. */
export function instant(time: number): SQL {
  if (!Number.isFinite(time)) return time > 0 ? sql`'infinity'::timestamptz` : sql`'-infinity'::timestamptz`
  return sql`${new Date(time).toISOString()}::timestamptz`
}
