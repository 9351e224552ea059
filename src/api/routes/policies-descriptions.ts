import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { pageQuery } from '../schemas.ts'
import { body, changeFailures, guardedBy, id, idParam, ifMatch, readFailures, resource } from './place-schemas.ts'
import { effectivePolicyBody, policiesInForce, policyFields, policyVersions, scopePolicy } from './policy-schemas.ts'

/** The routes of policies as the OpenAPI document has them. Their ETag is the tenant's one policy version. */
export const POLICIES = '/api/v1/policies'
const ITEMS_PER_PAGE = 100

const common = { tags: ['policies'] }
const { 409: _taken, ...putFailures } = changeFailures

export const listRoute = createRoute({
  ...common,
  ...guardedBy('policies:read'),
  method: 'get',
  path: POLICIES,
  summary: 'What is in force, scope by scope',
  description: 'Ordered by scope (`site`, `space`, `tenant`) and id. Scopes that say nothing are left out.',
  request: { query: pageQuery(ITEMS_PER_PAGE) },
  responses: { 200: resource(policiesInForce, 'a page of scopes'), ...readFailures },
})

export const versionsRoute = createRoute({
  ...common,
  ...guardedBy('policies:read'),
  method: 'get',
  path: `${POLICIES}/versions`,
  summary: 'All versions, the newest first',
  request: { query: pageQuery(ITEMS_PER_PAGE) },
  responses: { 200: json(policyVersions, 'a page of versions'), ...readFailures },
})

export const effectiveRoute = createRoute({
  ...common,
  ...guardedBy('policies:read'),
  method: 'get',
  path: `${POLICIES}/effective`,
  summary: 'The policy of a space, a site or the tenant, field by field',
  request: {
    query: z
      .strictObject({
        space_id: id.optional().openapi({ description: 'of this space' }),
        site_id: id.optional().openapi({ description: 'of this site, where no space is given' }),
      })
      .refine(({ space_id: space, site_id: site }) => space === undefined || site === undefined, {
        path: ['site_id'],
        message: 'give a space or a site, not both',
      }),
  },
  responses: { 200: resource(effectivePolicyBody, 'all fields, and which scope each comes from'), ...readFailures },
})

/** The three routes of one scope. */
function scopeRoutes<Params extends z.ZodObject>({ path, of, params }: { path: string; of: string; params: Params }) {
  return {
    read: createRoute({
      ...common,
      ...guardedBy('policies:read'),
      method: 'get',
      path,
      summary: `What is said for ${of}`,
      request: { params },
      responses: { 200: resource(scopePolicy, 'its own fields'), ...readFailures },
    }),
    put: createRoute({
      ...common,
      ...guardedBy('policies:write'),
      method: 'put',
      path,
      summary: `Say what holds for ${of}`,
      description:
        'The body is all that this scope says: fields that are left out come from the scope above. It makes a new version, which holds from the next reading of each space.',
      request: { params, headers: ifMatch, body: body(policyFields) },
      responses: { 200: resource(scopePolicy, 'the new version'), ...putFailures },
    }),
    remove: createRoute({
      ...common,
      ...guardedBy('policies:write'),
      method: 'delete',
      path,
      summary: `Say nothing for ${of} any more`,
      description: 'It makes a new version in which this scope takes everything from the one above.',
      request: { params, headers: ifMatch },
      responses: { 200: resource(scopePolicy, 'the new version'), ...putFailures },
    }),
  }
}

export const tenantRoutes = scopeRoutes({ path: `${POLICIES}/tenant`, of: 'the tenant', params: z.object({}) })
export const siteRoutes = scopeRoutes({
  path: `${POLICIES}/sites/{id}`,
  of: 'a site',
  params: idParam("the site's id"),
})
export const spaceRoutes = scopeRoutes({
  path: `${POLICIES}/spaces/{id}`,
  of: 'a space',
  params: idParam("the space's id"),
})
