import { sql, type SQL } from 'drizzle-orm'
import type { Status } from '../occupancy/state.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Spaces and devices by some of their text, upper or lower case. Wherever it stands in it, so no index has it: the names of a tenant are
 * read through, which are few. `rank`: 0 is all of it, 1 the beginning, 2 within.
 */
interface Found extends Record<string, unknown> {
  id: string
  code: string
  rank: number
}

export interface FoundSpace extends Found {
  name: string
  site_id: string
  site: string
  level: string | null
  status: Status
}

export interface FoundDevice extends Found {
  name: string | null
  space_id: string | null
  /** `SITE/SPACE`. */
  space: string | null
}

interface Wanted {
  readonly text: string
  readonly limit: number
}

export async function findSpaces(tx: TenantTransaction, { text, limit }: Wanted): Promise<FoundSpace[]> {
  return await tx.execute<FoundSpace>(sql`
    with found as materialized (
      select p.id, p.code, p.name, p.site_id, sites.code as site, p.level
      from spaces p join sites on sites.tenant_id = p.tenant_id and sites.id = p.site_id
      where p.tenant_id = ${tx.tenantId} and p.archived_at is null and sites.archived_at is null
        and ${has(sql`sites.code || '/' || p.code || ${apart} || p.name`, text)}
    ), best as (
      select *, ${rankOf([sql`code`, sql`name`, sql`site || '/' || code`], text)} as rank from found
      order by rank, site, code limit ${limit}
    )
    select best.*, coalesce(s.status, 'unknown') as status
    from best left join space_states s on s.tenant_id = ${tx.tenantId} and s.space_id = best.id
    order by rank, site, code`)
}

export async function findDevices(tx: TenantTransaction, { text, limit }: Wanted): Promise<FoundDevice[]> {
  return await tx.execute<FoundDevice>(sql`
    with found as materialized (
      select d.id, d.code, d.name from devices d
      where d.tenant_id = ${tx.tenantId} and d.archived_at is null
        and ${has(sql`d.code || ${apart} || coalesce(d.name, '')`, text)}
    ), best as (
      select *, ${rankOf([sql`code`, sql`coalesce(name, '')`], text)} as rank from found order by rank, code limit ${limit}
    )
    select best.*, a.space_id, sites.code || '/' || p.code as space
    from best
    left join device_assignments a on a.tenant_id = ${tx.tenantId} and a.device_id = best.id and a.unassigned_at is null
    left join spaces p on p.tenant_id = a.tenant_id and p.id = a.space_id
    left join sites on sites.tenant_id = p.tenant_id and sites.id = p.site_id
    order by rank, best.code`)
}

/** A line break: in no code, no name, and no text that is searched for. */
const apart = sql.raw(String.raw`E'\n'`)

/** One look at a row, for all that it has. Nothing in the text is a pattern. */
function has(texts: SQL, text: string): SQL {
  return sql`strpos(lower(${texts}), lower(${text})) > 0`
}

function rankOf(texts: readonly SQL[], text: string): SQL {
  const places = texts.map((one) => {
    const place = sql`strpos(lower(${one}), lower(${text}))`
    return sql`case when lower(${one}) = lower(${text}) then 0 when ${place} = 1 then 1 when ${place} > 1 then 2 end`
  })
  return sql`least(${sql.join(places, sql`, `)})`
}
