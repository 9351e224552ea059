import type { Access } from '../../src/auth/access.ts'
import type { Role } from '../../src/auth/permissions.ts'
import type { IssuedTokens } from '../../src/auth/sessions-contract.ts'
import { newId } from '../../src/ids.ts'
import type { Sql } from '../../src/store/client.ts'
import type { TenantDatabase } from '../../src/store/transactions.ts'

/** A person who can log in; `in` makes them a member of tenants. */
export async function insertPerson(
  owner: Sql,
  {
    in: memberships = {},
    platformAdministrator = false,
  }: { in?: Record<string, Role>; platformAdministrator?: boolean } = {},
): Promise<string> {
  const id = newId()
  await owner`
    insert into users (id, email, name, email_verified_at, platform_administrator)
    values (${id}, ${`${id}@example.org`}, 'Somebody', now(), ${platformAdministrator})`
  for (const [tenantId, role] of Object.entries(memberships)) {
    await owner`insert into memberships (tenant_id, user_id, role) values (${tenantId}, ${id}, ${role})`
  }
  return id
}

/** As a login would, after the password was right. */
export async function beginSession(
  { tenants, access }: { tenants: TenantDatabase; access: Access },
  { userId, tenantId = null, remember = true }: { userId: string; tenantId?: string | null; remember?: boolean },
): Promise<IssuedTokens> {
  const login = { userId, tenantId, remember, device: 'Firefox on Linux', addressArea: '192.0.2.0/24' }
  return await tenants.withAccounts((tx) => access.sessions.begin(tx, login))
}
