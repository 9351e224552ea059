import { sql } from 'drizzle-orm'
import { BaywireError } from '../errors.ts'
import { newId } from '../ids.ts'
import { plain, texts } from './arrays.ts'
import { lockProvisioning } from './provision-lock.ts'
import {
  eachChunk,
  idOf,
  readSiteIds,
  readSpaceIds,
  readZoneIds,
  writeSites,
  writeSpaces,
  writeZones,
  type Ids,
  type PlannedSite,
  type PlannedSpace,
} from './provision-places.ts'
import type { TenantDatabase, TenantTransaction } from './transactions.ts'

/**
 * Makes what is missing of a tenant's places and devices, and changes nothing that exists: it may run any number
 * of times, and several at once. All of a call commits, or nothing.
 */
export interface ProvisionPlan {
  sites?: readonly PlannedSite[]
  /** The zones that they name are made too. */
  spaces?: readonly PlannedSpace[]
  devices?: readonly PlannedDevice[]
  gateways?: readonly string[]
}

export interface PlannedDevice {
  code: string
  /** Where it stands, if it stands nowhere now; a device that never stood anywhere has stood there since its code is its own. */
  at?: { site: string; space: string } | undefined
}

export interface NewTenant {
  name: string
  public: boolean
}

/**
 * One transaction in the tenant with this slug. With `create` a missing tenant is part of it; without, a missing
 * one is refused.
 */
export async function inTenant<T>(
  database: TenantDatabase,
  { slug, create }: { slug: string; create?: NewTenant | undefined },
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  const known = await database.tenantBySlug(slug)
  if (known !== undefined) return await database.withTenant(known.id, work)
  if (create === undefined) throw unknownTenant(slug)
  const id = newId()
  const attempt = await database.withTenant(id, async (tx) => {
    const made = await tx.execute(sql`
      insert into tenants (id, slug, name, public) values (${id}, ${slug}, ${create.name}, ${create.public})
      on conflict (slug) do nothing returning id`)
    return made.length === 0 ? undefined : { result: await work(tx) }
  })
  // Somebody else made it in the meantime: it is known now.
  return attempt === undefined ? await inTenant(database, { slug }, work) : attempt.result
}

function unknownTenant(slug: string): BaywireError {
  return new BaywireError(`there is no tenant "${slug}"`, {
    advice: 'check --tenant, or make it with `baywire simulate --provision` or `baywire import --create`',
  })
}

export async function provision(tx: TenantTransaction, plan: ProvisionPlan): Promise<void> {
  const { sites = [], spaces = [], devices = [], gateways = [] } = plan
  await lockProvisioning(tx)
  await writeCodes(tx, 'gateways', gateways)
  await writeCodes(
    tx,
    'devices',
    devices.map(({ code }) => code),
  )
  await writeSites(tx, sites)
  const siteCodes = [...new Set([...sites.map(({ code }) => code), ...spaces.map(({ site }) => site)])]
  const siteIds = await readSiteIds(tx, siteCodes)
  await writeZones(tx, zonesOf(spaces), siteIds)
  await writeSpaces(tx, spaces, { siteIds, zoneIds: await readZoneIds(tx, siteIds) })
  await assignDevices(tx, devices, siteIds)
}

export function zonesOf(spaces: readonly PlannedSpace[]): { site: string; code: string }[] {
  const zones = new Map<string, { site: string; code: string }>()
  for (const { site, zone } of spaces) if (zone) zones.set(`${site}/${zone}`, { site, code: zone })
  return [...zones.values()]
}

async function writeCodes(
  tx: TenantTransaction,
  table: 'devices' | 'gateways',
  codes: readonly string[],
): Promise<void> {
  await eachChunk(codes, async (chunk) => {
    await tx.execute(sql`
      insert into ${sql.identifier(table)} (tenant_id, id, code)
      select ${tx.tenantId}::uuid, id, code
      from unnest(${plain(chunk.map(newId))}::uuid[], ${texts(chunk)}::text[]) as planned (id, code)
      on conflict (tenant_id, code) ${table === 'devices' ? sql`where archived_at is null` : sql``} do nothing`)
  })
}

/**
 * From the end of its last assignment on; a device that never had one, from always on or from when the last other device of
 * its code was deleted.
 */
async function assignDevices(tx: TenantTransaction, devices: readonly PlannedDevice[], siteIds: Ids): Promise<void> {
  const standing = devices.flatMap(({ code, at }) => (at === undefined ? [] : [{ code, at }]))
  if (standing.length === 0) return
  const spaceIds = await readSpaceIds(tx, siteIds)
  await eachChunk(standing, async (chunk) => {
    await tx.execute(sql`
      insert into device_assignments (tenant_id, id, device_id, space_id, assigned_at)
      select ${tx.tenantId}::uuid, planned.id, devices.id, planned.space_id,
        coalesce(greatest(max(earlier.unassigned_at), max(former.archived_at)), '-infinity')
      from unnest(
        ${plain(chunk.map(newId))}::uuid[],
        ${texts(chunk.map(({ code }) => code))}::text[],
        ${plain(chunk.map(({ at }) => idOf(spaceIds, `${at.site}/${at.space}`)))}::uuid[]
      ) as planned (id, code, space_id)
      join devices on devices.tenant_id = ${tx.tenantId}::uuid and devices.code = planned.code
        and devices.archived_at is null
      left join devices as former on former.tenant_id = devices.tenant_id and former.code = devices.code
        and former.archived_at is not null
      left join device_assignments as earlier
        on earlier.tenant_id = ${tx.tenantId}::uuid and earlier.device_id = devices.id
      group by planned.id, devices.id, planned.space_id
      having count(*) filter (where earlier.id is not null and earlier.unassigned_at is null) = 0`)
  })
}
