import type { Authenticator } from '../../../src/auth/authenticator.ts'
import { systemClock } from '../../../src/clock.ts'
import type { Sql } from '../../../src/store/client.ts'
import type { TenantDatabase } from '../../../src/store/transactions.ts'
import { testAccess, testSettings } from '../../support/access.ts'
import { beginSession } from '../../support/people.ts'
import { addRow, type World } from '../../support/tenant-world.ts'

const hour = 3_600_000

/** Tokens and keys that were good once, or look as if they were, by what is wrong with each. */
export async function refusedTokens({
  owner,
  tenants,
  world,
  real,
}: {
  owner: Sql
  tenants: TenantDatabase
  world: World
  real: Authenticator
}): Promise<Record<string, string>> {
  const { one: tenant } = world
  const user = await addRow(owner, { world, tenant, table: 'users' })
  const userId = String(user['id'])
  await addRow(owner, { world, tenant, table: 'memberships', replace: { user_id: userId, role: 'owner' } })
  const begin = (access: ReturnType<typeof testAccess>) =>
    beginSession({ tenants, access }, { userId, tenantId: tenant.id })

  const good = await begin(testAccess({ tenants }))
  // Or whatever is wrong with the others would tell nothing.
  await real.authenticate(`Bearer ${good.accessToken}`)
  const before = await begin(testAccess({ tenants, clock: { now: () => systemClock.now() - hour } }))
  const tokens = { ...testSettings.tokens, issuer: 'another' }
  const elsewhere = await begin(testAccess({ tenants, settings: { ...testSettings, tokens } }))
  const revoked = await begin(testAccess({ tenants }))
  await owner`UPDATE sessions SET ended_at = now(), ended_because = 'ended' WHERE user_id = ${userId} AND id = ${sessionOf(revoked.accessToken)}`
  const [header = '', , signature = ''] = good.accessToken.split('.')
  const [, claims = ''] = before.accessToken.split('.')
  return {
    expired: before.accessToken,
    'of another issuer and for others': elsewhere.accessToken,
    'a refresh token': good.refreshToken,
    revoked: revoked.accessToken,
    "another token's signature": `${header}.${claims}.${signature}`,
    'without its signature': `${header}.${claims}.`,
    'a key that is none': `bw_${'A'.repeat(50)}`,
  }
}

function sessionOf(token: string): string {
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  return String(Reflect.get(Object(claims), 'sid'))
}
