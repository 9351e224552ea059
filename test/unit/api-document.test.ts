import { pino } from 'pino'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createApi, type Api } from '../../src/api/app.ts'
import { consolePaths } from '../../src/api/routes/console.ts'
import { createMetrics } from '../../src/metrics.ts'
import { nobodysAccess } from '../support/access.ts'

const operation = z.looseObject({
  summary: z.string().min(1),
  parameters: z.array(z.looseObject({ name: z.string(), description: z.string().min(1) })).optional(),
  responses: z.record(
    z.string(),
    z.looseObject({ description: z.string().min(1), content: z.record(z.string(), z.unknown()).optional() }),
  ),
})
const documentShape = z.looseObject({
  openapi: z.literal('3.1.0'),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
})

let app: Api
let document: z.infer<typeof documentShape>

beforeAll(async () => {
  app = createApi({
    ...nobodysAccess(),
    tenants: {
      tenantBySlug: () => Promise.resolve(undefined),
      withAccounts: () => Promise.reject(new Error('no accounts here')),
      withTenantWriter: () => Promise.reject(new Error('unused')),
      withTenantSnapshot: () => Promise.reject(new Error('unused')),
      withTenant: () => Promise.reject(new Error('unused')),
      close: () => Promise.resolve(),
    },
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    readiness: () => Promise.resolve({ ready: true, parts: {} }),
  })
  // Words for every operation, parameter and answer: the shape asks for them.
  document = documentShape.parse(await (await app.request('/openapi.json')).json())
})

describe('the OpenAPI document', () => {
  it('describes every route that there is but the console, and no other', () => {
    const routes = new Set(
      app.routes
        .filter(({ method, path }) => method !== 'ALL' && !consolePaths.includes(path))
        .map(({ method, path }) => `${method} ${path}`),
    )
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    expect(described.toSorted()).toEqual([...routes].toSorted())
  })

  it('refers only to what it contains', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)]
    expect(references.length).toBeGreaterThan(0)
    for (const [, name = ''] of references) expect(document.components.schemas).toHaveProperty(name)
  })

  it('describes every failure of the public routes as a problem', () => {
    const ofApi = Object.entries(document.paths).filter(([path]) => path.startsWith('/api/v1/public/'))
    expect(ofApi).toHaveLength(9)
    for (const { responses } of ofApi.flatMap(([, operations]) => Object.values(operations))) {
      expect(Object.keys(responses)).toEqual(['200', '304', '400', '404', '429', '500', '503'])
      for (const status of ['400', '404', '429', '500', '503']) {
        expect(Object.keys(responses[status]?.content ?? {})).toEqual(['application/problem+json'])
      }
    }
  })
})
