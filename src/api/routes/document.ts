import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../app.ts'
import { completed } from '../document-answers.ts'
import { json } from '../responses.ts'

/** The description of all routes, the API's own word for what it takes and answers. */
const documentRoute = createRoute({
  method: 'get',
  path: '/openapi.json',
  tags: ['system'],
  summary: 'This document',
  responses: { 200: json(z.record(z.string(), z.unknown()).openapi('OpenApiDocument'), 'OpenAPI 3.1') },
})

const about = {
  openapi: '3.1.0',
  info: {
    title: 'Baywire',
    version: '1',
    description:
      'What parking sensors say, as the state of each space. Times are RFC 3339 in UTC; errors are problem documents (RFC 9457).',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  tags: [
    { name: 'public', description: 'What anybody may read, of tenants that opted in.' },
    { name: 'accounts', description: 'Registering, logging in, passwords and addresses.' },
    { name: 'auth', description: 'Logins: tokens, sessions, and the keys that tokens are verified with.' },
    { name: 'tenant', description: 'The tenant itself.' },
    { name: 'members', description: 'Who belongs to the tenant, as what.' },
    { name: 'invites', description: 'Invitations, each for one address.' },
    { name: 'api-keys', description: 'Keys of programs, for people of the tenant to make and revoke.' },
    { name: 'sites', description: 'Where there is parking.' },
    { name: 'zones', description: 'Parts of a site.' },
    { name: 'spaces', description: 'Spaces with their state, and why it is what it is.' },
    { name: 'policies', description: 'How spaces are judged, version by version.' },
    { name: 'overrides', description: 'Spaces that are blocked or out of service.' },
    { name: 'devices', description: 'Sensors, where they stand, and their secrets.' },
    { name: 'gateways', description: 'What speaks for many sensors.' },
    { name: 'apps', description: 'Programs that read states from the broker.' },
    { name: 'orphans', description: 'Devices that were heard and are unknown.' },
    { name: 'dashboard', description: 'A tenant at one look.' },
    { name: 'live', description: 'What happens, as it happens.' },
    { name: 'audit', description: 'What was done, by whom.' },
    { name: 'system', description: 'Of the process itself.' },
  ],
}

/** To be added last: it describes the routes that are there. */
export function addDocumentRoute(app: Api): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An access token (from login or refresh), or an API key.',
  })
  let document: Record<string, unknown> | undefined
  app.openapi(documentRoute, (c) => {
    document ??= { ...completed(app.getOpenAPI31Document(about)) }
    return c.json(document, 200)
  })
}
