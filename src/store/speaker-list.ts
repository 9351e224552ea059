import { sql } from 'drizzle-orm'
import type { CredentialKind } from './credentials.ts'
import { rfc3339 } from './rfc3339.ts'
import type { TenantTransaction } from './transactions.ts'

/** A device, gateway or app as it is listed; times as RFC 3339. */
export interface ListedSpeaker extends Record<string, unknown> {
  kind: CredentialKind
  code: string
  /** `SITE/SPACE` where a device stands now. */
  space: string | null
  /** When its newest credential was made, and when that was revoked. */
  credential_since: string | null
  credential_revoked_at: string | null
  /** What its status topic last said. */
  presence: 'online' | 'offline' | null
  /** Its last status message, or its last reading within `heardWithin`, whichever is newer. */
  last_heard_at: string | null
  /** A gateway's own limits. */
  messages_per_s: number | null
  in_flight: number | null
}

/** The log has no index by device and arrival: how far back it is searched. Sensors send a heartbeat a day. */
const heardWithin = sql`interval '2 days'`

/** All speakers of a tenant, by kind and code, or the one with a code. */
export async function listSpeakers(
  tx: TenantTransaction,
  { kind, code }: { kind?: CredentialKind | undefined; code?: string | undefined } = {},
): Promise<ListedSpeaker[]> {
  return await tx.execute<ListedSpeaker>(sql`
    with speakers as (
      select 'devices' as kind, id, code, presence, presence_at, null::integer as messages_per_s, null::integer as in_flight
      from devices where tenant_id = ${tx.tenantId} and archived_at is null
      union all
      select 'gateways', id, code, presence, presence_at, messages_per_s, in_flight
      from gateways where tenant_id = ${tx.tenantId}
      union all
      select distinct 'apps', null::uuid, code, null, null::timestamptz, null::integer, null::integer
      from credentials where tenant_id = ${tx.tenantId} and kind = 'apps'
    )
    select s.kind, s.code, place.space, s.presence, s.messages_per_s, s.in_flight,
      ${rfc3339(sql`credential.created_at`)} as credential_since,
      ${rfc3339(sql`credential.revoked_at`)} as credential_revoked_at,
      ${rfc3339(sql`greatest(s.presence_at, heard.at)`)} as last_heard_at
    from speakers as s
    left join lateral (
      select created_at, revoked_at from credentials as c
      where c.tenant_id = ${tx.tenantId} and c.kind = s.kind and c.code = s.code
      order by c.revoked_at desc nulls first, c.created_at desc limit 1
    ) as credential on true
    left join lateral (
      select sites.code || '/' || spaces.code as space
      from device_assignments as a
      join spaces on spaces.tenant_id = a.tenant_id and spaces.id = a.space_id
      join sites on sites.tenant_id = spaces.tenant_id and sites.id = spaces.site_id
      where s.kind = 'devices' and a.tenant_id = ${tx.tenantId} and a.device_id = s.id and a.unassigned_at is null
    ) as place on true
    left join lateral (
      select max(r.received_at) as at from readings as r
      where s.kind = 'devices' and r.tenant_id = ${tx.tenantId} and r.device_id = s.id
        and r.received_at > now() - ${heardWithin}
    ) as heard on true
    where ${kind === undefined ? sql`true` : sql`s.kind = ${kind}`}
      and ${code === undefined ? sql`true` : sql`s.code = ${code}`}
    order by s.kind = 'apps', s.kind = 'gateways', s.code`)
}
