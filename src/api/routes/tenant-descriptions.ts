import { createRoute, z } from '@hono/zod-openapi'
import { codePattern } from '../../ids.ts'
import { noQuery } from '../schemas.ts'
import {
  body,
  changeFailures,
  deleted,
  described,
  exampleId,
  exampleTime,
  guardedBy,
  id,
  ifMatch,
  name,
  readFailures,
  resource,
  time,
} from './tenancy-schemas.ts'

/** The routes of the own tenant as the OpenAPI document has them. */
const TENANT = '/api/v1/tenant'
const common = { tags: ['tenant'] }

/** Stricter than the operator's, never laxer: what is laxer has no effect. */
const passwordRules = z
  .strictObject({
    min_length: z.int().min(8).max(64).optional(),
    classes: z.literal(true).optional().openapi({ description: 'upper and lower case, digit and special character' }),
    history: z.int().min(0).max(24).optional().openapi({ description: 'so many passwords before may not come again' }),
    expiry_days: z.int().min(1).max(3650).optional(),
  })
  .nullable()
  .openapi({ description: "what members' passwords must be like beyond the operator's rules; null: those alone" })

const tenant = z
  .object({
    id,
    slug: z.string(),
    name: z.string(),
    public: z.boolean().openapi({ description: 'anybody may read sites, spaces and availability' }),
    password_rules: passwordRules,
    created_at: time,
  })
  .openapi('Tenant', {
    example: {
      id: exampleId,
      slug: 'city',
      name: 'City',
      public: false,
      password_rules: { min_length: 15 },
      created_at: exampleTime,
    },
  })

export const readRoute = createRoute({
  ...common,
  ...guardedBy('tenant:read'),
  method: 'get',
  path: TENANT,
  summary: 'The tenant that you work in',
  request: { query: noQuery },
  responses: { 200: resource(tenant, 'the tenant'), ...readFailures },
})

export const changeRoute = createRoute({
  ...common,
  ...guardedBy('tenant:write'),
  method: 'patch',
  path: TENANT,
  summary: 'Change the tenant',
  description: 'Fields that are left out stay as they are. The slug never changes: it is part of topics and URLs.',
  request: {
    query: noQuery,
    headers: ifMatch,
    body: body(
      z
        .strictObject({
          name: name.optional(),
          public: z.boolean().optional(),
          password_rules: passwordRules.optional(),
        })
        .openapi('TenantChange', { example: { public: true } }),
    ),
  },
  responses: { 200: resource(tenant, 'the tenant as it is now'), ...changeFailures },
})

export const eraseRoute = createRoute({
  ...common,
  ...guardedBy('tenant:erase'),
  method: 'delete',
  path: TENANT,
  summary: 'Erase the tenant',
  description:
    'For good: places, devices, readings, events, memberships, keys. Its audit log stays, with this as its last entry, and so do the accounts of its members.',
  request: {
    query: noQuery,
    headers: ifMatch,
    body: body(
      z
        .strictObject({
          slug: z.string().regex(codePattern).openapi({ description: 'of this tenant, typed once more' }),
        })
        .openapi('TenantErasure', { example: { slug: 'city' } }),
    ),
  },
  responses: {
    204: deleted,
    ...changeFailures,
    409: described('conflict', 'The log is too large for a request: the operator erases it.'),
  },
})
