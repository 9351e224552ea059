import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { newId } from '../ids.ts'
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

/** The credential in force of the owner that a username names; undefined where there is none. */
export async function findCredential(
  tx: SystemTransaction,
  { tenant, kind, code }: CredentialOwner & { tenant: string },
): Promise<{ tenantId: string; verifier: string } | undefined> {
  const [row] = await tx<{ tenant_id: string; verifier: string }[]>`
    SELECT credentials.tenant_id, credentials.verifier
    FROM tenants JOIN credentials ON credentials.tenant_id = tenants.id
    WHERE tenants.slug = ${tenant} AND credentials.kind = ${kind} AND credentials.code = ${code}
      AND credentials.revoked_at IS NULL`
  return row && { tenantId: row.tenant_id, verifier: row.verifier }
}

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
