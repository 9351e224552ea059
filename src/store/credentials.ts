import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
import { plain, texts } from './arrays.ts'
import { lockProvisioning } from './provision-lock.ts'
import type { SystemTransaction, TenantTransaction } from './transactions.ts'

/**
 * How devices, gateways and apps prove who they are. A secret is 256 random bits, shown once; what is kept is a
 * verifier in the form of Mosquitto's password file (`$7$iterations$salt$hash`, PBKDF2 with SHA-512), so that
 * the same credential can be given to an external broker.
 */
export type CredentialKind = 'devices' | 'gateways' | 'apps'

export interface CredentialOwner {
  kind: CredentialKind
  /** The code of the device, gateway or app. */
  code: string
}

const secretBytes = 32
const saltBytes = 12
const hashBytes = 64
/** Mosquitto's own default. Stretching serves guessable passwords; nobody guesses 256 random bits. */
const iterations = 101
/** A verifier that asks for more work than this is not one of ours. */
const mostIterations = 1_000_000

const derive = promisify(pbkdf2)
const verifierPattern = /^\$7\$([1-9]\d{0,6})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/

/** Makes the one credential in force of its owner; an earlier one is revoked. The secret exists nowhere else. */
export async function createCredential(tx: TenantTransaction, { kind, code }: CredentialOwner): Promise<string> {
  const secret = randomBytes(secretBytes).toString('base64url')
  const verifier = await makeVerifier(secret)
  await lockProvisioning(tx)
  await tx.execute(sql`
    update credentials set revoked_at = now()
    where tenant_id = ${tx.tenantId} and kind = ${kind} and code = ${code} and revoked_at is null`)
  await tx.execute(sql`
    insert into credentials (tenant_id, id, kind, code, verifier)
    values (${tx.tenantId}, ${newId()}, ${kind}, ${code}, ${verifier})`)
  return secret
}

/** Whether the owner has a credential in force. */
export async function hasCredential(tx: TenantTransaction, { kind, code }: CredentialOwner): Promise<boolean> {
  const rows = await tx.execute(sql`
    select from credentials
    where tenant_id = ${tx.tenantId} and kind = ${kind} and code = ${code} and revoked_at is null`)
  return rows.length > 0
}

/** Ends the credential in force; false where there is none. A broker that has its owner connected is told by a trigger. */
export async function revokeCredential(tx: TenantTransaction, { kind, code }: CredentialOwner): Promise<boolean> {
  await lockProvisioning(tx)
  const ended = await tx.execute(sql`
    update credentials set revoked_at = now()
    where tenant_id = ${tx.tenantId} and kind = ${kind} and code = ${code} and revoked_at is null
    returning id`)
  return ended.length > 0
}

export interface CredentialInForce {
  tenantId: string
  id: string
  verifier: string
  /** Limits that a gateway has of its own. */
  messagesPerS: number | null
  inFlight: number | null
}

/** The credential in force of the owner that a username names; undefined where there is none, or the tenant is suspended. */
export async function findCredential(
  tx: SystemTransaction,
  { tenant, kind, code }: CredentialOwner & { tenant: string },
): Promise<CredentialInForce | undefined> {
  const [row] = await tx<CredentialInForce[]>`
    SELECT c.tenant_id AS "tenantId", c.id, c.verifier,
      g.messages_per_s AS "messagesPerS", g.in_flight AS "inFlight"
    FROM tenants t JOIN credentials c ON c.tenant_id = t.id
    LEFT JOIN gateways g ON c.kind = 'gateways' AND g.tenant_id = c.tenant_id AND g.code = c.code
    WHERE t.slug = ${tenant} AND t.suspended_at IS NULL AND c.kind = ${kind} AND c.code = ${code} AND c.revoked_at IS NULL`
  return row
}

export interface UsedCredential {
  tenantId: string
  id: string
  /** `{tenant}/{kind}/{code}`, as it was when it was shown. */
  username: string
}

export interface CheckedCredential {
  id: string
  inForce: boolean
  /** Limits that a gateway has of its own. */
  messagesPerS: number | null
  inFlight: number | null
}

/**
 * Of the credentials that are used, in one query however many they are: those that are not in force any more, mean
 * another username by now or are of a suspended tenant, and all those of gateways, whose limits may be others.
 */
export async function checkCredentials(
  tx: SystemTransaction,
  used: readonly UsedCredential[],
): Promise<CheckedCredential[]> {
  return await tx<CheckedCredential[]>`
    SELECT u.id, c.id IS NOT NULL AS "inForce", g.messages_per_s AS "messagesPerS", g.in_flight AS "inFlight"
    FROM unnest(${plain(used.map(({ tenantId }) => tenantId))}::uuid[],
                ${plain(used.map(({ id }) => id))}::uuid[],
                ${texts(used.map(({ username }) => username))}::text[]) AS u (tenant_id, id, username)
    LEFT JOIN tenants t ON t.id = u.tenant_id AND t.suspended_at IS NULL
    LEFT JOIN credentials c ON c.tenant_id = u.tenant_id AND c.id = u.id AND c.revoked_at IS NULL
      AND t.slug || '/' || c.kind || '/' || c.code = u.username
    LEFT JOIN gateways g ON c.kind = 'gateways' AND g.tenant_id = c.tenant_id AND g.code = c.code
    WHERE c.id IS NULL OR g.id IS NOT NULL`
}

/** A trigger says here whenever credentials of a tenant change; the payload is the tenant's id. */
export const credentialChannel = 'baywire_credentials'

export async function makeVerifier(secret: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const hash = await derive(secret, salt, iterations, hashBytes, 'sha512')
  return `$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}`
}

/** Whether the secret is the verifier's, in a time that does not depend on where they differ. */
export async function verifySecret(verifier: string, secret: string): Promise<boolean> {
  const match = verifierPattern.exec(verifier)
  if (match === null || Number(match[1]) > mostIterations) return false
  const expected = Buffer.from(match[3] ?? '', 'base64')
  if (expected.length !== hashBytes) return false
  const salt = Buffer.from(match[2] ?? '', 'base64')
  return timingSafeEqual(expected, await derive(secret, salt, Number(match[1]), hashBytes, 'sha512'))
}
