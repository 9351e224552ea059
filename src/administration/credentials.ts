import type { Actor } from '../auth/principal.ts'
import { Refusal } from '../refusal.ts'
import { createCredential, hasCredential, revokeCredential, type CredentialOwner } from '../store/credentials.ts'
import { slugOf } from '../store/tenant-slug.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { audited } from './audited.ts'

/** What a device, gateway or app connects with. The secret is shown once: what is kept cannot give it back. */
export interface IssuedCredential {
  username: string
  client_id: string
  secret: string
}

/** Whose credential it is, and what the audit log calls that. */
export interface Speaker extends CredentialOwner {
  target: { kind: 'device' | 'gateway' | 'app'; id: string }
}

/** To be audited by whoever calls it. An earlier credential of the owner ends. */
export async function issueCredential(tx: TenantTransaction, owner: CredentialOwner): Promise<IssuedCredential> {
  const secret = await createCredential(tx, owner)
  const username = `${await slugOf(tx)}/${owner.kind}/${owner.code}`
  return { username, client_id: username, secret }
}

/** The verbs below need the lock of provisioning: so of those that run at once each finds what the one before it left. */
export async function issueFirst(tx: TenantTransaction, actor: Actor, speaker: Speaker): Promise<IssuedCredential> {
  if (await hasCredential(tx, speaker)) {
    throw new Refusal('conflict', 'It has a credential in force: rotate that, or revoke it first.')
  }
  const issued = await issueCredential(tx, speaker)
  await auditedFor(tx, actor, { speaker, what: 'provisioned' })
  return issued
}

export async function rotate(tx: TenantTransaction, actor: Actor, speaker: Speaker): Promise<IssuedCredential> {
  if (!(await hasCredential(tx, speaker))) {
    throw new Refusal('conflict', 'It has no credential in force: provision it.')
  }
  const issued = await issueCredential(tx, speaker)
  await auditedFor(tx, actor, { speaker, what: 'secret_rotated' })
  return issued
}

/** Where there is none in force, it is as wished already. */
export async function revoke(tx: TenantTransaction, actor: Actor, speaker: Speaker): Promise<void> {
  if (await revokeCredential(tx, speaker)) await auditedFor(tx, actor, { speaker, what: 'credential_revoked' })
}

async function auditedFor(
  tx: TenantTransaction,
  actor: Actor,
  { speaker: { target, code }, what }: { speaker: Speaker; what: string },
): Promise<void> {
  await audited(tx, actor, { action: `${target.kind}.${what}`, target, detail: { code } })
}
