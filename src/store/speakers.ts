import { sql } from 'drizzle-orm'
import { BaywireError } from '../errors.ts'
import { recordAudit } from './audit.ts'
import { createCredential, hasCredential, revokeCredential, type CredentialOwner } from './credentials.ts'
import { lockProvisioning } from './provision-lock.ts'
import { provision } from './provision.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Those who may speak to the broker: devices, gateways and apps, one at a time, as an operator administers them. Whatever
 * is refused here leaves everything as it was: the transaction is the caller's. What is done is in the tenant's audit log, by
 * the names that it has over HTTP.
 */
export interface Place {
  site: string
  space: string
}

/** Limits of a gateway on the embedded broker; null is the default, undefined leaves it as it is. */
export interface GatewayLimits {
  messagesPerS?: number | null | undefined
  inFlight?: number | null | undefined
}

const actor = { kind: 'command', id: 'baywire device' } as const
const singular = { devices: 'device', gateways: 'gateway', apps: 'app' } as const

/** Makes the speaker where it is missing, at a space if one is given, and its credential. Returns the secret. */
export async function addSpeaker(
  tx: TenantTransaction,
  owner: CredentialOwner,
  { at, limits = {} }: { at?: Place | undefined; limits?: GatewayLimits },
): Promise<string> {
  await lockProvisioning(tx)
  if (await hasCredential(tx, owner)) {
    throw new BaywireError(`${nameOf(owner)} has a credential already`, {
      advice: 'give it a new one with `baywire device rotate`, or end it with `baywire device revoke`',
    })
  }
  if (at !== undefined) await checkPlace(tx, at)
  const created = await makeWhereMissing(tx, owner, at)
  if (at !== undefined) await checkStandsAt(tx, owner.code, at)
  await setGatewayLimits(tx, owner.code, limits)
  const secret = await createCredential(tx, owner)
  const detail = { created, space: at && `${at.site}/${at.space}`, ...named(limits) }
  await record(tx, owner, { did: 'provisioned', detail })
  return secret
}

/** Whether it was missing; undefined of an app, which is no more than its credentials. */
async function makeWhereMissing(
  tx: TenantTransaction,
  owner: CredentialOwner,
  at: Place | undefined,
): Promise<boolean | undefined> {
  const { kind, code } = owner
  if (kind === 'apps') return undefined
  const missing = (await idOf(tx, owner)) === undefined
  // The space is there, and stays as it is; naming it tells `provision` which one is meant.
  const spaces = at === undefined ? [] : [{ site: at.site, code: at.space }]
  await provision(tx, kind === 'gateways' ? { gateways: [code] } : { spaces, devices: [{ code, at }] })
  return missing
}

/** A new secret in place of the one in force, which opens nothing any more. */
export async function rotateSpeaker(tx: TenantTransaction, owner: CredentialOwner): Promise<string> {
  await lockProvisioning(tx)
  if (!(await hasCredential(tx, owner))) throw withoutCredential(owner)
  const secret = await createCredential(tx, owner)
  await record(tx, owner, { did: 'secret_rotated' })
  return secret
}

export async function revokeSpeaker(tx: TenantTransaction, owner: CredentialOwner): Promise<void> {
  if (!(await revokeCredential(tx, owner))) throw withoutCredential(owner)
  await record(tx, owner, { did: 'credential_revoked' })
}

export async function limitGateway(tx: TenantTransaction, code: string, limits: GatewayLimits): Promise<void> {
  await lockProvisioning(tx)
  if (!(await setGatewayLimits(tx, code, limits))) {
    throw new BaywireError(`there is no gateway "${code}"`, { advice: 'make it with `baywire device add --gateway`' })
  }
  const changed = named(limits)
  await record(tx, { kind: 'gateways', code }, { did: 'changed', detail: { fields: Object.keys(changed), ...changed } })
}

/** Those that are given, as the API calls them. */
function named({ messagesPerS, inFlight }: GatewayLimits): Record<string, number | null> {
  return {
    ...(messagesPerS === undefined ? {} : { messages_per_s: messagesPerS }),
    ...(inFlight === undefined ? {} : { in_flight: inFlight }),
  }
}

async function record(
  tx: TenantTransaction,
  owner: CredentialOwner,
  { did, detail = {} }: { did: string; detail?: Record<string, unknown> },
): Promise<void> {
  const { kind, code } = owner
  const target = { kind: singular[kind], id: (await idOf(tx, owner)) ?? code }
  await recordAudit(tx, { actor, action: `${target.kind}.${did}`, target, detail: { code, ...detail } })
}

/** What the audit log knows it by: of an app its code. Undefined where there is none. */
async function idOf(tx: TenantTransaction, { kind, code }: CredentialOwner): Promise<string | undefined> {
  if (kind === 'apps') return code
  const inUse = kind === 'devices' ? sql`and archived_at is null` : sql``
  const [row] = await tx.execute<{ id: string }>(sql`
    select id from ${sql.identifier(kind)} where tenant_id = ${tx.tenantId} and code = ${code} ${inUse}`)
  return row?.id
}

/** False where there is no such gateway. */
async function setGatewayLimits(
  tx: TenantTransaction,
  code: string,
  { messagesPerS, inFlight }: GatewayLimits,
): Promise<boolean> {
  if (messagesPerS === undefined && inFlight === undefined) return true
  const changed = await tx.execute(sql`
    update gateways set revision = revision + 1,
      messages_per_s = ${messagesPerS === undefined ? sql`messages_per_s` : sql`${messagesPerS}::integer`},
      in_flight = ${inFlight === undefined ? sql`in_flight` : sql`${inFlight}::integer`}
    where tenant_id = ${tx.tenantId} and code = ${code} returning id`)
  return changed.length > 0
}

async function checkPlace(tx: TenantTransaction, { site, space }: Place): Promise<void> {
  const [found] = await tx.execute<{ space: boolean }>(sql`
    select exists (
      select from spaces
      where tenant_id = ${tx.tenantId} and site_id = sites.id and code = ${space} and archived_at is null
    ) as space
    from sites where tenant_id = ${tx.tenantId} and code = ${site} and archived_at is null`)
  if (found?.space === true) return
  const missing = found === undefined ? `there is no site "${site}"` : `there is no space "${space}" at site "${site}"`
  throw new BaywireError(missing, { advice: 'check --space, or make it with `baywire import`' })
}

/** A device that stands somewhere is not moved by the way. */
async function checkStandsAt(tx: TenantTransaction, device: string, { site, space }: Place): Promise<void> {
  const [now] = await tx.execute<{ site: string; space: string }>(sql`
    select sites.code as site, spaces.code as space
    from devices
    join device_assignments as a on a.tenant_id = devices.tenant_id and a.device_id = devices.id
      and a.unassigned_at is null
    join spaces on spaces.tenant_id = a.tenant_id and spaces.id = a.space_id
    join sites on sites.tenant_id = spaces.tenant_id and sites.id = spaces.site_id
    where devices.tenant_id = ${tx.tenantId} and devices.code = ${device} and devices.archived_at is null`)
  if (now === undefined || (now.site === site && now.space === space)) return
  throw new BaywireError(`device "${device}" stands at ${now.site}/${now.space}`, {
    advice: 'leave --space out to keep it there',
  })
}

function withoutCredential(owner: CredentialOwner): BaywireError {
  return new BaywireError(`${nameOf(owner)} has no credential in force`, {
    advice: 'check the code, or make one with `baywire device add`',
  })
}

function nameOf({ kind, code }: CredentialOwner): string {
  return `${singular[kind]} "${code}"`
}
