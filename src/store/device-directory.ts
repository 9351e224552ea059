import { LRUCache } from 'lru-cache'
import { plainOf, texts, textsOf } from './arrays.ts'
import type { SystemTransaction } from './transactions.ts'

export interface KnownTenant {
  readonly id: string
  readonly slug: string
  readonly policyVersion: number
  readonly directoryVersion: number
}

/** [from, until) in epoch milliseconds, open ends being infinite. */
interface Assignment {
  readonly spaceId: string
  readonly from: number
  readonly until: number
}

export interface KnownDevice {
  readonly id: string
  readonly assignments: readonly Assignment[]
}

/** Tenants by slug. */
export async function findTenants(tx: SystemTransaction, slugs: readonly string[]): Promise<Map<string, KnownTenant>> {
  const rows = await tx<KnownTenant[]>`
    SELECT t.id, t.slug, t.policy_version AS "policyVersion", t.directory_version AS "directoryVersion"
    FROM unnest(${texts(slugs)}::text[]) AS n (slug) JOIN tenants t ON t.slug = n.slug`
  return new Map(rows.map((row) => [row.slug, row]))
}

/** Devices remembered at most; the one not heard of for longest is read again. */
const devicesKept = 200_000

export interface WantedDevice {
  readonly tenant: KnownTenant
  readonly device: string
}

/**
 * Devices and where they stood, remembered as of a version of their tenant's directory. The version is read in the
 * transaction that uses them, so a change counts for every transaction that begins after it was committed.
 */
export class DeviceDirectory {
  readonly #known = new LRUCache<string, KnownDevice | typeof unknown>({ max: devicesKept })

  /** Each of the wanted, in their order; undefined for one that is not known. */
  async find(tx: SystemTransaction, wanted: readonly WantedDevice[]): Promise<(KnownDevice | undefined)[]> {
    const keys = wanted.map(versionKey)
    const remembered = keys.map((key) => this.#known.get(key))
    const missing = new Map<string, WantedDevice>()
    for (const [place, one] of wanted.entries()) {
      if (remembered[place] === undefined) missing.set(keys[place] as string, one)
    }
    const read = missing.size === 0 ? new Map<string, KnownDevice>() : await this.#read(tx, missing)
    return remembered.map((device, place) =>
      device === unknown ? undefined : (device ?? read.get(keys[place] as string)),
    )
  }

  async #read(tx: SystemTransaction, missing: ReadonlyMap<string, WantedDevice>): Promise<Map<string, KnownDevice>> {
    const devices = await readDevices(tx, [...missing.values()])
    const read = new Map<string, KnownDevice>()
    for (const [key, { tenant, device }] of missing) {
      const known = devices.get(deviceKey(tenant.slug, device))
      this.#known.set(key, known ?? unknown)
      if (known !== undefined) read.set(key, known)
    }
    return read
  }
}

const unknown = 'unknown'

function versionKey({ tenant, device }: WantedDevice): string {
  return `${tenant.id} ${tenant.directoryVersion} ${device}`
}

interface Row {
  slug: string
  code: string
  id: string
  space_id: string | null
  assigned_ms: number | null
  unassigned_ms: number | null
}

async function readDevices(tx: SystemTransaction, wanted: readonly WantedDevice[]): Promise<Map<string, KnownDevice>> {
  const rows = await tx<Row[]>`
    SELECT n.slug, n.code, d.id, a.space_id,
      CASE WHEN isfinite(a.assigned_at) THEN extract(epoch FROM a.assigned_at) * 1000 END::double precision AS assigned_ms,
      CASE WHEN isfinite(a.unassigned_at) THEN extract(epoch FROM a.unassigned_at) * 1000 END::double precision
        AS unassigned_ms
    FROM unnest(${plainOf(wanted, (one) => one.tenant.id)}::uuid[],
                ${textsOf(wanted, (one) => one.tenant.slug)}::text[],
                ${plainOf(wanted, (one) => one.device)}::text[]) AS n (tenant_id, slug, code)
    JOIN devices d ON d.tenant_id = n.tenant_id AND d.code = n.code AND d.archived_at IS NULL
    LEFT JOIN device_assignments a ON a.tenant_id = d.tenant_id AND a.device_id = d.id
      AND a.unassigned_at IS DISTINCT FROM a.assigned_at`
  const devices = new Map<string, { id: string; assignments: Assignment[] }>()
  for (const row of rows) {
    const key = deviceKey(row.slug, row.code)
    const device = devices.get(key) ?? { id: row.id, assignments: [] }
    devices.set(key, device)
    if (row.space_id === null) continue
    device.assignments.push({
      spaceId: row.space_id,
      from: row.assigned_ms ?? -Infinity,
      until: row.unassigned_ms ?? Infinity,
    })
  }
  return devices
}

export function deviceKey(tenant: string, device: string): string {
  return `${tenant} ${device}`
}

/** The space at which a device stood at a time, or undefined. */
export function stoodAt({ assignments }: KnownDevice, time: number): string | undefined {
  return assignments.find(({ from, until }) => from <= time && time < until)?.spaceId
}
