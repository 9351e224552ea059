import { sql } from 'drizzle-orm'
import { BaywireError } from '../errors.ts'
import { createCredential, hasCredential, revokeCredential, type CredentialOwner } from './credentials.ts'
import { lockProvisioning } from './provision-lock.ts'
import { provision } from './provision.ts'
import type { TenantTransaction } from './transactions.ts'

/**
 * Those who may speak to the broker: devices, gateways and apps, one at a time, as an operator administers them. Whatever
 * is refused here leaves everything as it was: the transaction is the caller's.
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
  if (owner.kind === 'devices') {
    // The space is there, and stays as it is; naming it tells `provision` which one is meant.
    const spaces = at === undefined ? [] : [{ site: at.site, code: at.space }]
    await provision(tx, { spaces, devices: [{ code: owner.code, at }] })
  }
  if (owner.kind === 'gateways') await provision(tx, { gateways: [owner.code] })
  if (at !== undefined) await checkStandsAt(tx, owner.code, at)
  await setGatewayLimits(tx, owner.code, limits)
  return await createCredential(tx, owner)
}

/** A new secret in place of the one in force, which opens nothing any more. */
export async function rotateSpeaker(tx: TenantTransaction, owner: CredentialOwner): Promise<string> {
  await lockProvisioning(tx)
  if (!(await hasCredential(tx, owner))) throw withoutCredential(owner)
  return await createCredential(tx, owner)
}

export async function revokeSpeaker(tx: TenantTransaction, owner: CredentialOwner): Promise<void> {
  if (!(await revokeCredential(tx, owner))) throw withoutCredential(owner)
}

export async function limitGateway(tx: TenantTransaction, code: string, limits: GatewayLimits): Promise<void> {
  await lockProvisioning(tx)
  if (await setGatewayLimits(tx, code, limits)) return
  throw new BaywireError(`there is no gateway "${code}"`, { advice: 'make it with `baywire device add --gateway`' })
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
