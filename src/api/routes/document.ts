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
    { name: 'auth', description: 'Logins: tokens, sessions, and the keys that tokens are verified with.' },
    { name: 'api-keys', description: 'Keys of programs, for people of the tenant to make and revoke.' },
    { name: 'public', description: 'What anybody may read, of tenants that opted in.' },
    { name: 'audit', description: 'What was done, by whom.' },
    { name: 'accounts', description: 'Registering, logging in, passwords and addresses.' },
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
