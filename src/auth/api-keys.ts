import { newId } from '../ids.ts'
import { Refusal, revisionOutdated } from '../refusal.ts'
import {
  countApiKeys,
  findApiKey,
  insertApiKey,
  listApiKeys,
  revokeApiKey,
  updateApiKey,
  type ApiKeyRow,
} from '../store/api-keys.ts'
import { recordAudit } from '../store/audit.ts'
import { revokeInvitesOfKey } from '../store/invites.ts'
import { lockMembers } from '../store/members.ts'
import type { TenantTransaction } from '../store/transactions.ts'
import { auditActor } from './audit-actor.ts'
import { apiKeyPrefix, hashApiKey, newApiKey } from './api-key-text.ts'
import { permissions, type Permission } from './permissions.ts'
import { requirePermission, type Actor } from './principal.ts'

/** The API keys of a tenant. Whoever gives a key a scope has it; what its maker loses the key loses too (authenticator.ts). */
export type ApiKey = ApiKeyRow

/** Of one tenant, those that are in force. */
const mostKeys = 500

export async function apiKeysOf(
  tx: TenantTransaction,
  actor: Actor,
  page: Parameters<typeof listApiKeys>[1],
): Promise<ApiKey[]> {
  requirePermission(actor, 'api-keys:read')
  return await listApiKeys(tx, page)
}

export async function readApiKey(tx: TenantTransaction, actor: Actor, id: string): Promise<ApiKey> {
  requirePermission(actor, 'api-keys:read')
  return await existing(tx, id)
}

/** The key itself is in the answer, and nowhere else. */
export async function createApiKey(
  tx: TenantTransaction,
  actor: Actor,
  { name, scopes, expiresAt }: { name: string; scopes: readonly Permission[]; expiresAt: Date | null },
): Promise<{ apiKey: ApiKey; key: string }> {
  requirePermission(actor, 'api-keys:write')
  const { principal } = actor
  // A key that leaked must not outlive its end in keys that it made.
  if (principal.kind !== 'user') throw new Refusal('forbidden', 'An API key makes no other keys: a person has to.')
  requireScopes(actor, scopes)
  if ((await countApiKeys(tx)) >= mostKeys) {
    throw new Refusal('conflict', `A tenant has at most ${mostKeys} API keys: revoke one first.`)
  }
  const key = newApiKey()
  const secret = { prefix: apiKeyPrefix(key), keyHash: hashApiKey(key) }
  const apiKey = await insertApiKey(tx, {
    ...secret,
    id: newId(),
    name,
    scopes: ordered(scopes),
    createdBy: principal.userId,
    expiresAt,
  })
  const detail = { name, scopes: apiKey.scopes, expires_at: expiresAt?.toISOString() ?? null }
  await audit(tx, { actor, action: 'api_key.created', id: apiKey.id, detail })
  return { apiKey, key }
}

export async function changeApiKey(
  tx: TenantTransaction,
  actor: Actor,
  {
    id,
    expected,
    ...fields
  }: { id: string; expected: number; name?: string | undefined; scopes?: readonly Permission[] | undefined },
): Promise<ApiKey> {
  requirePermission(actor, 'api-keys:write')
  const before = await existing(tx, id)
  const { name, scopes } = fields
  // What it has already is not given anew.
  requireScopes(
    actor,
    (scopes ?? []).filter((scope) => !before.scopes.includes(scope)),
  )
  if (before.revokedAt !== null) throw new Refusal('conflict', 'This API key is revoked.')
  const changes = { revision: expected, name, scopes: scopes === undefined ? undefined : ordered(scopes) }
  const after = await updateApiKey(tx, id, changes)
  if (after === undefined) throw revisionOutdated()
  const detail = { name: after.name, scopes: after.scopes }
  await audit(tx, { actor, action: 'api_key.changed', id, detail })
  return after
}

/**
 * Its open invites end with it: what leaked must not let anybody in afterwards. Revoked twice it is revoked: the same answer,
 * and one entry in the audit log.
 */
export async function endApiKey(tx: TenantTransaction, actor: Actor, id: string): Promise<ApiKey> {
  requirePermission(actor, 'api-keys:write')
  // As whoever invites, accepts or removes a member does it: each of them finds what the one before it left.
  await lockMembers(tx)
  const revoked = await revokeApiKey(tx, id)
  if (revoked === undefined) return await existing(tx, id)
  const detail = { invites_revoked: await revokeInvitesOfKey(tx, id) }
  await audit(tx, { actor, action: 'api_key.revoked', id, detail })
  return revoked
}

async function existing(tx: TenantTransaction, id: string): Promise<ApiKey> {
  const found = await findApiKey(tx, id)
  if (found === undefined) throw new Refusal('not_found', 'There is nothing at this URL.')
  return found
}

/** @throws Refusal `forbidden`, naming the first scope that whoever gives it lacks */
function requireScopes(actor: Actor, scopes: readonly Permission[]): void {
  for (const scope of scopes) requirePermission(actor, scope)
}

/** Each once, in the order of the table. */
function ordered(scopes: readonly Permission[]): Permission[] {
  return (Object.keys(permissions) as Permission[]).filter((permission) => scopes.includes(permission))
}

async function audit(
  tx: TenantTransaction,
  { actor, action, id, detail }: { actor: Actor; action: string; id: string; detail: Record<string, unknown> },
): Promise<void> {
  const target = { kind: 'api_key', id }
  await recordAudit(tx, { actor: auditActor(actor), action, target, detail, requestId: actor.requestId })
}
