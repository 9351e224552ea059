import type { Context } from 'hono'
import {
  changePolicy,
  listPolicies,
  listPolicyVersions,
  readEffectivePolicy,
  readPolicy,
  type ScopePolicy,
} from '../../administration/policies.ts'
import type { PolicyFields } from '../../occupancy/policy.ts'
import { scopeKey, type PolicyRow, type PolicyScope } from '../../store/policy-versions.ts'
import type { Api } from '../app.ts'
import type { ApiEnv } from '../context.ts'
import { expectedRevision } from '../revision.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { pageBy, pageOf, setEtag } from './places.ts'
import {
  effectiveRoute,
  listRoute,
  siteRoutes,
  spaceRoutes,
  tenantRoutes,
  versionsRoute,
} from './policies-descriptions.ts'

export function addPolicyRoutes(app: Api, options: SignedInOptions): void {
  addLists(app, options)
  const { read, change } = scopeHandlers(options)

  app.openapi(tenantRoutes.read, async (c) => c.json(await read(c, tenant), 200))
  app.openapi(tenantRoutes.put, async (c) => c.json(await change(c, tenant, c.req.valid('json')), 200))
  app.openapi(tenantRoutes.remove, async (c) => c.json(await change(c, tenant, {}), 200))

  app.openapi(siteRoutes.read, async (c) => c.json(await read(c, site(c.req.valid('param').id)), 200))
  app.openapi(siteRoutes.put, async (c) => {
    return c.json(await change(c, site(c.req.valid('param').id), c.req.valid('json')), 200)
  })
  app.openapi(siteRoutes.remove, async (c) => c.json(await change(c, site(c.req.valid('param').id), {}), 200))

  app.openapi(spaceRoutes.read, async (c) => c.json(await read(c, space(c.req.valid('param').id)), 200))
  app.openapi(spaceRoutes.put, async (c) => {
    return c.json(await change(c, space(c.req.valid('param').id), c.req.valid('json')), 200)
  })
  app.openapi(spaceRoutes.remove, async (c) => c.json(await change(c, space(c.req.valid('param').id), {}), 200))
}

const tenant: PolicyScope = { scope: 'tenant' }

function site(id: string): PolicyScope {
  return { scope: 'site', id }
}

function space(id: string): PolicyScope {
  return { scope: 'space', id }
}

function addLists(app: Api, options: SignedInOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const page = pageOf('policies', { limit, cursor })
    const { version, rows } = await inOwnTenant(c, options, (tx, actor) => listPolicies(tx, actor, page))
    setEtag(c, { revision: version })
    return c.json({ version, ...pageBy(rows, { list: 'policies', limit, key: scopeKey, item: rowToBody }) }, 200)
  })

  app.openapi(versionsRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const { after, limit: rowLimit } = pageOf('policy-versions', { limit, cursor })
    const page = { before: after === undefined ? undefined : Number(after), limit: rowLimit }
    const rows = await inOwnTenant(c, options, (tx, actor) => listPolicyVersions(tx, actor, page))
    return c.json(pageBy(rows, { list: 'policy-versions', limit, key: versionKey, item: rowToBody }), 200)
  })

  app.openapi(effectiveRoute, async (c) => {
    const { space_id: spaceId, site_id: siteId } = c.req.valid('query')
    const effective = await inOwnTenant(c, options, (tx, actor) => readEffectivePolicy(tx, actor, { spaceId, siteId }))
    setEtag(c, { revision: effective.version })
    return c.json(effective, 200)
  })
}

function scopeHandlers(options: SignedInOptions) {
  return {
    read: async (c: Context<ApiEnv>, scope: PolicyScope) =>
      answer(c, await inOwnTenant(c, options, (tx, actor) => readPolicy(tx, actor, scope))),
    change: async (c: Context<ApiEnv>, scope: PolicyScope, fields: PolicyFields) => {
      const change = { scope, expected: expectedRevision(c), fields }
      return answer(c, await inOwnTenant(c, options, (tx, actor) => changePolicy(tx, actor, change)))
    },
  }
}

function answer(c: Context<ApiEnv>, { version, since, fields }: ScopePolicy) {
  setEtag(c, { revision: version })
  return { version, fields, changed_at: since?.toISOString() ?? null }
}

function versionKey({ version }: PolicyRow): string {
  return String(version)
}

function rowToBody({ version, scope, scopeId, fields, createdAt }: PolicyRow) {
  return { version, scope, scope_id: scopeId, fields, created_at: createdAt.toISOString() }
}
