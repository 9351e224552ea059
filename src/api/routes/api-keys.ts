import { apiKeysOf, changeApiKey, createApiKey, endApiKey, readApiKey, type ApiKey } from '../../auth/api-keys.ts'
import type { Clock } from '../../clock.ts'
import { Refusal } from '../../refusal.ts'
import type { Api } from '../app.ts'
import { withIdempotency } from '../idempotency.ts'
import { afterId, toPageById } from '../id-cursor.ts'
import { etagOf, expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { changeRoute, createKeyRoute, getRoute, listRoute, revokeRoute } from './api-keys-descriptions.ts'

export interface ApiKeyRoutesOptions extends SignedInOptions {
  clock: Clock
}

const LIST = 'api-keys'

export function addApiKeyRoutes(app: Api, options: ApiKeyRoutesOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, revoked } = c.req.valid('query')
    const wanted = revoked === undefined ? undefined : revoked === 'true'
    const page = { after: afterId(LIST, cursor), limit: limit + 1, revoked: wanted }
    const rows = await inOwnTenant(c, options, (tx, actor) => apiKeysOf(tx, actor, page))
    return c.json(toPageById(rows, { list: LIST, limit, item: apiKeyBody }), 200)
  })

  app.openapi(getRoute, async (c) => {
    const apiKey = await inOwnTenant(c, options, (tx, actor) => readApiKey(tx, actor, c.req.valid('param').id))
    c.header('ETag', etagOf(apiKey))
    return c.json(apiKeyBody(apiKey), 200)
  })

  app.openapi(createKeyRoute, async (c) => {
    const { name, scopes, expires_at: expires } = c.req.valid('json')
    const expiresAt = expires == null ? null : futureTime(expires, options.clock)
    return await withIdempotency(c, { ...options, secret: true }, async (tx, actor) => {
      const made = await createApiKey(tx, actor, { name, scopes, expiresAt })
      c.header('ETag', etagOf(made.apiKey))
      c.header('Location', `${c.req.path}/${made.apiKey.id}`)
      return c.json({ ...apiKeyBody(made.apiKey), key: made.key }, 201)
    })
  })

  app.openapi(changeRoute, async (c) => {
    const change = { id: c.req.valid('param').id, expected: expectedRevision(c), ...c.req.valid('json') }
    const apiKey = await inOwnTenant(c, options, (tx, actor) => changeApiKey(tx, actor, change))
    c.header('ETag', etagOf(apiKey))
    return c.json(apiKeyBody(apiKey), 200)
  })

  app.openapi(revokeRoute, async (c) => {
    return await withIdempotency(c, options, async (tx, actor) => {
      const apiKey = await endApiKey(tx, actor, c.req.valid('param').id)
      c.header('ETag', etagOf(apiKey))
      return c.json(apiKeyBody(apiKey), 200)
    })
  })
}

function futureTime(text: string, clock: Clock): Date {
  const time = new Date(text)
  if (time.getTime() > clock.now()) return time
  throw new Refusal('invalid_input', 'Wrong input: see errors.', {
    errors: [{ path: 'expires_at', message: 'must be a time to come' }],
  })
}

function apiKeyBody(row: ApiKey) {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    last_used_at: row.lastUsedAt?.toISOString() ?? null,
    expires_at: row.expiresAt?.toISOString() ?? null,
    revoked_at: row.revokedAt?.toISOString() ?? null,
  }
}
