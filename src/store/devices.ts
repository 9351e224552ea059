import { sql, type SQL } from 'drizzle-orm'
import { newId } from '../ids.ts'
import type { Outcome } from './books.ts'
import type { PageOfCodes } from './public.ts'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

/** A device as its tenant sees it; times as RFC 3339. Archived ones are nowhere to be seen. */
export interface Device extends Record<string, unknown> {
  id: string
  code: string
  name: string | null
  revision: number
  created_at: string
  /** What its status topic last said, and when. */
  presence: 'online' | 'offline' | null
  presence_at: string | null
  /** Its newest reading or status. */
  last_heard_at: string | null
  /** Where it stands now. */
  space_id: string | null
  site_id: string | null
  /** The same by codes, `SITE/SPACE`. */
  space: string | null
  /** Since when; null where it stands nowhere, or has stood there always. */
  assigned_at: string | null
  /** Whether its space has no evidence, or none that is fresh; null where it stands nowhere. */
  silent: boolean | null
  credential_since: string | null
  newest: NewestReading | null
}

/** The newest reading within `heardWithin`. */
export interface NewestReading {
  id: string
  part: number
  received_ms: number
  outcome: Outcome
  /** As text, where it stands beside this reading and is short: the part 0 of a message has the payload for all. */
  payload: string | null
}

export interface DeviceFilter {
  codePrefix?: string | undefined
  siteId?: string | undefined
  spaceId?: string | undefined
  assigned?: boolean | undefined
  silent?: boolean | undefined
  presence?: 'online' | 'offline' | 'unknown' | undefined
}

/** How far back the log is searched: sensors send a heartbeat a day. */
const heardWithin = sql`interval '2 days'`
/** Of a device's readings, the index has them by counter or time: how many of the highest are looked at. */
const readingsLookedAt = 100
/** Longer ones are messages of many readings. */
const payloadBytes = 1024

/** By code. */
export async function selectDevices(
  tx: TenantTransaction,
  { after, limit, ...filter }: PageOfCodes & DeviceFilter,
): Promise<Device[]> {
  const behind = after === undefined ? sql`` : sql`and d.code > ${after}`
  return await read(tx, sql`${matching(filter)} ${behind} order by d.code limit ${limit}`)
}

export async function selectDevice(tx: TenantTransaction, id: string): Promise<Device | undefined> {
  const [device] = await read(tx, sql`and d.id = ${id}::uuid`)
  return device
}

function matching({ codePrefix, siteId, spaceId, assigned, silent, presence }: DeviceFilter): SQL {
  const conditions = [
    codePrefix === undefined ? undefined : sql`starts_with(d.code, ${codePrefix})`,
    siteId === undefined ? undefined : sql`p.site_id = ${siteId}::uuid`,
    spaceId === undefined ? undefined : sql`a.space_id = ${spaceId}::uuid`,
    assigned === undefined ? undefined : sql`(a.id is not null) = ${assigned}`,
    silent === undefined ? undefined : sql`(${isSilent}) = ${silent}`,
    presence === undefined ? undefined : sql`coalesce(d.presence, 'unknown') = ${presence}`,
  ]
  return sql.join(
    conditions.flatMap((condition) => (condition === undefined ? [] : [sql`and ${condition}`])),
    sql` `,
  )
}

/** Of the space `s` at which a device stands by `a`. */
export const isSilent = sql`case when a.id is not null then s.observed_at is null or s.stale end`

/** First which devices they are, then what is asked of each of them alone. */
async function read(tx: TenantTransaction, which: SQL): Promise<Device[]> {
  const rows = await tx.execute<
    Device & { newest_id: string | null; part: number; received_ms: number; outcome: Outcome; payload: Buffer | null }
  >(sql`
    with page as materialized (
      select d.id, d.code, d.name, d.revision, d.created_at, d.presence, d.presence_at, a.space_id, p.site_id,
        sites.code || '/' || p.code as space, a.assigned_at, ${isSilent} as silent, s.state
      from devices as d
      left join device_assignments as a on a.tenant_id = d.tenant_id and a.device_id = d.id and a.unassigned_at is null
      left join spaces as p on p.tenant_id = a.tenant_id and p.id = a.space_id
      left join sites on sites.tenant_id = p.tenant_id and sites.id = p.site_id
      left join space_states as s on s.tenant_id = a.tenant_id and s.space_id = a.space_id
      where d.tenant_id = ${tx.tenantId} and d.archived_at is null ${which}
    )
    select page.id, page.code, page.name, page.revision, page.presence, page.space_id, page.site_id, page.space, page.silent,
      ${rfc3339(sql`page.created_at`)} as created_at, ${rfc3339(sql`page.presence_at`)} as presence_at,
      ${rfc3339(sql`page.assigned_at`)} as assigned_at, ${rfc3339(sql`c.created_at`)} as credential_since,
      ${rfc3339(sql`greatest(page.presence_at, newest.received_at, to_timestamp(
        (select (source ->> 'at')::double precision from json_array_elements(page.state -> 'sources') as source
          where source ->> 'device' = page.code) / 1000))`)} as last_heard_at,
      newest.id as newest_id, newest.part, (extract(epoch from newest.received_at) * 1000)::double precision as received_ms,
      newest.outcome, newest.payload
    from page
    left join credentials as c on c.tenant_id = ${tx.tenantId} and c.kind = 'devices' and c.code = page.code
      and c.revoked_at is null
    left join lateral (
      select id, part, received_at, outcome,
        case when octet_length(payload) <= ${payloadBytes} then payload end as payload
      from (
        select r.id, r.part, r.received_at, r.outcome, r.payload from readings as r
        where r.tenant_id = ${tx.tenantId} and r.device_id = page.id and r.received_at > now() - ${heardWithin}
        order by r.identity desc nulls last limit ${readingsLookedAt}
      ) as highest
      order by received_at desc, id desc, part desc limit 1
    ) as newest on true
    order by page.code`)
  return rows.map(({ newest_id: id, part, received_ms, outcome, payload, ...device }) => ({
    ...device,
    newest: id === null ? null : { id, part, received_ms, outcome, payload: payload?.toString('utf8') ?? null },
  }))
}

/** The payload of the message that brought a reading, wherever in the message it stood. */
export async function selectPayload(
  tx: TenantTransaction,
  { id, received_ms: receivedMs }: NewestReading,
): Promise<string | null> {
  const [row] = await tx.execute<{ payload: Buffer | null }>(sql`
    select payload from readings
    where tenant_id = ${tx.tenantId} and id = ${id}::uuid and part = 0
      and received_at = to_timestamp(${receivedMs}::double precision / 1000)::timestamptz(3)`)
  return row?.payload?.toString('utf8') ?? null
}

/** Makes the device; hurts the unique key of its code where there is one. */
export async function insertDevice(
  tx: TenantTransaction,
  { code, name }: { code: string; name: string | null },
): Promise<string> {
  const id = newId()
  await tx.execute(sql`
    insert into devices (tenant_id, id, code, name) values (${tx.tenantId}, ${id}, ${code}, ${name})`)
  return id
}

/** Nobody else changes or moves it until COMMIT. */
export async function lockDevice(
  tx: TenantTransaction,
  id: string,
): Promise<{ code: string; revision: number } | undefined> {
  const [row] = await tx.execute<{ code: string; revision: number }>(sql`
    select code, revision from devices
    where tenant_id = ${tx.tenantId} and id = ${id}::uuid and archived_at is null for update`)
  return row
}

/** Of a device that is locked. Without a name that stays. */
export async function renameDevice(
  tx: TenantTransaction,
  { id, name }: { id: string; name: string | null | undefined },
): Promise<void> {
  await tx.execute(sql`
    update devices set name = ${name === undefined ? sql`name` : name}, revision = revision + 1 where tenant_id = ${tx.tenantId} and id = ${id}::uuid`)
}

export async function raiseDeviceRevision(tx: TenantTransaction, id: string): Promise<void> {
  await tx.execute(sql`
    update devices set revision = revision + 1 where tenant_id = ${tx.tenantId} and id = ${id}::uuid`)
}

/**
 * Takes a locked device away, and its credential by a trigger. One that ever stood somewhere is archived: the log finds
 * the readings of a space by the devices that stood there.
 */
export async function removeDevice(tx: TenantTransaction, id: string): Promise<void> {
  const one = sql`tenant_id = ${tx.tenantId} and id = ${id}::uuid`
  const archived = await tx.execute(sql`
    update devices set archived_at = now() where ${one} and exists (
      select from device_assignments as a where a.tenant_id = devices.tenant_id and a.device_id = devices.id
    ) returning id`)
  if (archived.length === 0) await tx.execute(sql`delete from devices where ${one}`)
}
