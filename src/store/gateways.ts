import { sql, type SQL } from 'drizzle-orm'
import { newId } from '../ids.ts'
import type { PageOfCodes } from './public.ts'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

export interface GatewayFields {
  name: string | null
  /** What it may send to the embedded broker; null for the default of gateways. */
  messages_per_s: number | null
  in_flight: number | null
}

/** A gateway as its tenant sees it; times as RFC 3339. */
export interface Gateway extends GatewayFields, Record<string, unknown> {
  id: string
  code: string
  revision: number
  created_at: string
  presence: 'online' | 'offline' | null
  presence_at: string | null
  credential_since: string | null
}

export interface GatewayFilter {
  codePrefix?: string | undefined
  presence?: 'online' | 'offline' | 'unknown' | undefined
}

/** By code. */
export async function selectGateways(
  tx: TenantTransaction,
  { after, limit, codePrefix, presence }: PageOfCodes & GatewayFilter,
): Promise<Gateway[]> {
  return await read(
    tx,
    sql`
      ${after === undefined ? sql`` : sql`and g.code > ${after}`}
      ${codePrefix === undefined ? sql`` : sql`and starts_with(g.code, ${codePrefix})`}
      ${presence === undefined ? sql`` : sql`and coalesce(g.presence, 'unknown') = ${presence}`}
      order by g.code limit ${limit}`,
  )
}

export async function selectGateway(tx: TenantTransaction, id: string): Promise<Gateway | undefined> {
  const [gateway] = await read(tx, sql`and g.id = ${id}::uuid`)
  return gateway
}

async function read(tx: TenantTransaction, which: SQL): Promise<Gateway[]> {
  return await tx.execute<Gateway>(sql`
    select g.id, g.code, g.name, g.revision, g.messages_per_s, g.in_flight, g.presence,
      ${rfc3339(sql`g.presence_at`)} as presence_at, ${rfc3339(sql`g.created_at`)} as created_at,
      ${rfc3339(sql`c.created_at`)} as credential_since
    from gateways as g
    left join credentials as c on c.tenant_id = g.tenant_id and c.kind = 'gateways' and c.code = g.code
      and c.revoked_at is null
    where g.tenant_id = ${tx.tenantId} ${which}`)
}

/** Makes the gateway; hurts the unique key of its code where there is one. */
export async function insertGateway(
  tx: TenantTransaction,
  { code, name, messages_per_s: messagesPerS, in_flight: inFlight }: GatewayFields & { code: string },
): Promise<string> {
  const id = newId()
  await tx.execute(sql`
    insert into gateways (tenant_id, id, code, name, messages_per_s, in_flight)
    values (${tx.tenantId}, ${id}, ${code}, ${name}, ${messagesPerS}, ${inFlight})`)
  return id
}

interface LockedGateway extends GatewayFields, Record<string, unknown> {
  code: string
  revision: number
}

/** Nobody else changes it until COMMIT. */
export async function lockGateway(tx: TenantTransaction, id: string): Promise<LockedGateway | undefined> {
  const [row] = await tx.execute<LockedGateway>(sql`
    select code, revision, name, messages_per_s, in_flight from gateways
    where tenant_id = ${tx.tenantId} and id = ${id}::uuid for update`)
  return row
}

/** Of a gateway that is locked. */
export async function updateGateway(
  tx: TenantTransaction,
  { id, fields }: { id: string; fields: GatewayFields },
): Promise<void> {
  await tx.execute(sql`
    update gateways set name = ${fields.name}, messages_per_s = ${fields.messages_per_s}, in_flight = ${fields.in_flight},
      revision = revision + 1
    where tenant_id = ${tx.tenantId} and id = ${id}::uuid`)
}

/** Its credential ends by a trigger. */
export async function deleteGatewayRow(tx: TenantTransaction, id: string): Promise<void> {
  await tx.execute(sql`delete from gateways where tenant_id = ${tx.tenantId} and id = ${id}::uuid`)
}
