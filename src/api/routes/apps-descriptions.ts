import { createRoute, z } from '@hono/zod-openapi'
import { idempotencyHeader } from '../idempotency.ts'
import { json } from '../responses.ts'
import {
  actionFailures,
  body,
  code,
  codeParam,
  conflict,
  issued,
  issuedBody,
  listFailures,
  listQuery,
  next,
  signedInWith,
  time,
} from './speaker-schemas.ts'

export const APPS = '/api/v1/apps'

const appFields = z.object({
  code,
  created_at: time.openapi({ description: 'when its first credential was made' }),
  credential_since: time.nullable().openapi({ description: 'of the credential in force; null where it was revoked' }),
})
const app = appFields.openapi('App', {
  example: {
    code: 'board',
    created_at: '2026-11-19T10:00:00.000Z',
    credential_since: '2026-11-19T10:00:00.000Z',
  },
})
const appPage = z.object({ items: z.array(app), next }).openapi('AppPage')
const madeApp = appFields.extend({ credentials: issued }).openapi('MadeApp')
const newApp = z.strictObject({ code }).openapi('NewApp', { example: { code: 'board' } })

const common = { tags: ['apps'] }
const read = { ...common, ...signedInWith('devices:read') }
const write = { ...common, ...signedInWith('devices:write') }
const params = codeParam('app')

export const listAppsRoute = createRoute({
  ...read,
  method: 'get',
  path: APPS,
  summary: 'Apps that may read state over MQTT',
  description: 'Ordered by code. An app is no more than its credentials.',
  request: { query: listQuery },
  responses: { 200: json(appPage, 'a page of apps'), ...listFailures },
})

export const createAppRoute = createRoute({
  ...write,
  method: 'post',
  path: APPS,
  summary: 'Let an app in',
  description: 'Also one whose credential was revoked. The secret is in this answer alone.',
  request: { headers: idempotencyHeader, body: body(newApp) },
  responses: { 201: json(madeApp, 'the app'), ...actionFailures, ...conflict('It has a credential in force.') },
})

export const rotateAppRoute = createRoute({
  ...write,
  method: 'post',
  path: `${APPS}/{code}/rotate`,
  summary: 'Give an app another secret',
  request: { headers: idempotencyHeader, params },
  responses: {
    200: json(issuedBody, 'what it connects with; the secret is in this answer alone'),
    ...actionFailures,
    ...conflict('It has no credential in force.'),
  },
})

export const revokeAppRoute = createRoute({
  ...write,
  method: 'post',
  path: `${APPS}/{code}/revoke`,
  summary: "End an app's credential",
  description: 'Where it has none nothing changes.',
  request: { headers: idempotencyHeader, params },
  responses: { 200: json(app, 'the app'), ...actionFailures },
})
