import { apiKeyPrefix, hashApiKey, newApiKey } from '../../../src/auth/api-key-text.ts'
import { newId } from '../../../src/ids.ts'
import type { Sql } from '../../../src/store/client.ts'
import type { Home } from '../../e2e/support/home.ts'

export interface Tenant {
  id: string
  key: string
  start: string
}

/** With a key of a member, and the place before its first event. */
export async function makeTenant(home: Home, { sql, slug }: { sql: Sql; slug: string }): Promise<Tenant> {
  const [id, user, key] = [newId(), newId(), newApiKey()]
  await sql`INSERT INTO tenants (id, slug, name) VALUES (${id}, ${slug}, ${slug})`
  await sql`INSERT INTO users (id, email, name) VALUES (${user}, ${`${slug}@example.org`}, 'Somebody')`
  await sql`INSERT INTO memberships (tenant_id, user_id, role) VALUES (${id}, ${user}, 'owner')`
  await sql`
    INSERT INTO api_keys (tenant_id, id, name, prefix, key_hash, scopes, created_by)
    VALUES (${id}, ${newId()}, 'key', ${apiKeyPrefix(key)}, ${hashApiKey(key)}, '{places:read}', ${user})`
  const response = await fetch(home.url('/api/v1/changes'), { headers: { Authorization: `Bearer ${key}` } })
  const { next } = (await response.json()) as { next: string }
  return { id, key, start: next }
}
