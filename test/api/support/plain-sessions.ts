import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Sessions } from '../../../src/auth/sessions-contract.ts'
import { newId } from '../../../src/ids.ts'

/** Logins that are rows and nothing more, for tests of what begins and ends them. */
export function plainSessions(): Sessions {
  return {
    async begin(tx, { userId, tenantId, remember, device, addressArea }) {
      const sessionId = newId()
      await tx.execute(sql`
        insert into sessions (id, user_id, tenant_id, refresh_hash, device, address_area, remember, idle_expires_at, expires_at)
        values (${sessionId}, ${userId}, ${tenantId}, decode(${randomBytes(32).toString('hex')}, 'hex'), ${device}, ${addressArea},
          ${remember}, now() + interval '1 day', now() + interval '1 day')`)
      return { sessionId, accessToken: `access ${sessionId}`, refreshToken: `refresh ${sessionId}`, expiresIn: 900 }
    },
    async endAll(tx, { userId, because, except = null }) {
      const ended = await tx.execute(sql`
        update sessions set ended_at = now(), ended_because = ${because}
        where user_id = ${userId} and ended_at is null and id is distinct from ${except}::uuid returning id`)
      return ended.length
    },
  }
}
