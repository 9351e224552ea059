import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../app.ts'
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
    { name: 'system', description: 'Of the process itself.' },
  ],
}

/** To be added last: it describes the routes that are there. */
export function addDocumentRoute(app: Api): void {
  let document: Record<string, unknown> | undefined
  app.openapi(documentRoute, (c) => {
    document ??= { ...app.getOpenAPI31Document(about) }
    return c.json(document, 200)
  })
}
