import { newId } from '../../../src/ids.ts'
import type { Authenticator } from '../../../src/auth/authenticator.ts'
import { permissions, roleHas, roles, type Permission, type Role } from '../../../src/auth/permissions.ts'
import type { Principal } from '../../../src/auth/principal.ts'
import type { Sql } from '../../../src/store/client.ts'
import { addRow, type World, type WorldTenant } from '../../support/tenant-world.ts'

/** Somebody who asks, with the token that says so. */
export interface Person {
  name: string
  token: string
  principal: Principal
}

/**
 * Who asks in the suites of all routes. Each of them has rows of their own: a user, a session and a membership, or a key.
 * `refused` are tokens that nobody may be let in with, by what is wrong with them.
 */
export interface People {
  authenticator: Authenticator
  owner: Person
  /** One of each role, the owner among them. */
  members: readonly Person[]
  withoutTenant: Person
  /** A member of a tenant that is suspended. */
  suspended: Person
  apiKey(scopes: readonly Permission[]): Promise<Person>
  refused: Readonly<Record<string, string>>
  /** Signs somebody in again whose session a route has ended, or taken elsewhere. */
  restore(person: Person): Promise<void>
}

export interface PeopleOptions {
  owner: Sql
  world: World
  /** Judges all tokens that are not of the list: none of them may be let in. */
  real: Authenticator
  refused: Readonly<Record<string, string>>
}

/** Knows the tokens of these people by a list of its own: what they may do is theirs here, and not the database's. */
export async function makePeople({ owner, world, real, refused }: PeopleOptions): Promise<People> {
  const known = new Map<string, Principal>()
  const enlist = (name: string, principal: Principal): Person => {
    const token = `token-${newId()}`
    known.set(token, principal)
    return { name, token, principal }
  }
  const user = async (tenant: WorldTenant, role: Role | undefined, suspended = false) => {
    const person = await addRow(owner, { world, tenant, table: 'users' })
    const userId = String(person['id'])
    const belongs = role !== undefined
    if (belongs) await addRow(owner, { world, tenant, table: 'memberships', replace: { user_id: userId, role } })
    const replace = { user_id: userId, tenant_id: belongs ? tenant.id : null }
    const session = await addRow(owner, { world, tenant, table: 'sessions', replace })
    const name = suspended ? 'owner of a suspended tenant' : (role ?? 'user without a tenant')
    return enlist(name, {
      kind: 'user',
      userId,
      sessionId: String(session['id']),
      tenant: belongs && !suspended ? { id: tenant.id, role } : undefined,
      platformAdministrator: false,
    })
  }
  const members: Person[] = []
  for (const role of roles) members.push(await user(world.one, role))
  const [first] = members
  if (first === undefined) throw new Error('there are no roles')
  return {
    authenticator: {
      authenticate(authorization, details) {
        const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
        const principal = known.get(token ?? '')
        return principal === undefined ? real.authenticate(authorization, details) : Promise.resolve(principal)
      },
    },
    owner: first,
    members,
    withoutTenant: await user(world.one, undefined),
    suspended: await user(world.one, 'owner', true),
    async apiKey(scopes) {
      const created_by = first.principal.kind === 'user' ? first.principal.userId : ''
      const row = await addRow(owner, { world, tenant: world.one, table: 'api_keys', replace: { scopes, created_by } })
      const tenant = { id: world.one.id, role: 'owner' as const }
      return enlist(`API key of ${scopes.length} scopes`, {
        kind: 'api_key',
        apiKeyId: String(row['id']),
        tenant,
        scopes,
      })
    },
    refused: { unknown: `token-${newId()}`, ...refused },
    async restore({ principal }) {
      if (principal.kind !== 'user') return
      await owner`
        UPDATE sessions SET ended_at = NULL, ended_because = NULL, tenant_id = ${principal.tenant?.id ?? null}
        WHERE id = ${principal.sessionId} AND (ended_at IS NOT NULL OR tenant_id IS DISTINCT FROM ${principal.tenant?.id ?? null})`
    },
  }
}

export const allPermissions = Object.keys(permissions) as Permission[]

/** Whether somebody may do what needs a permission, by the one table of them. */
export function holds({ principal }: Person, permission: Permission): boolean {
  if (principal.kind === 'api_key') return principal.scopes.includes(permission)
  return principal.tenant !== undefined && roleHas(principal.tenant.role, permission)
}
