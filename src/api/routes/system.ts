import { createRoute, z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import type { Api } from '../app.ts'
import { loggable } from '../failure.ts'
import type { Readiness } from '../readiness.ts'
import { json } from '../responses.ts'
import { readinessBody } from '../schemas.ts'
import { withinTime } from '../time-limit.ts'

/** How long /ready waits for its answer as a whole; readiness.ts bounds the parts, and more tightly. */
const READINESS_WAIT_MS = 3000

const common = { method: 'get' as const, tags: ['system'] }

const healthRoute = createRoute({
  ...common,
  path: '/health',
  summary: 'Whether the process lives',
  responses: { 200: json(z.object({ status: z.literal('ok') }).openapi('Health'), 'it does') },
})

const readyRoute = createRoute({
  ...common,
  path: '/ready',
  summary: 'Whether the process can do its work',
  description: 'The parts are those of the roles that run in this process.',
  responses: { 200: json(readinessBody, 'all parts are well'), 503: json(readinessBody, 'a part is not') },
})

const metricsRoute = createRoute({
  ...common,
  path: '/metrics',
  summary: 'Figures for Prometheus',
  description: 'Names tenants, so keep it from the public: refuse this path at the proxy.',
  responses: {
    200: { description: 'text exposition format', content: { 'text/plain': { schema: z.string() } } },
  },
})

export interface SystemRoutesOptions {
  metrics: Metrics
  log: Log
  readiness: () => Promise<Readiness>
}

export function addSystemRoutes(app: Api, { metrics, log, readiness }: SystemRoutesOptions): void {
  app.use('/health', notStored)
  app.use('/ready', notStored)
  app.use('/metrics', notStored)

  app.openapi(healthRoute, (c) => c.json({ status: 'ok' } as const, 200))

  app.openapi(readyRoute, async (c) => {
    const answer = await readinessInTime(readiness, log)
    return c.json(answer, answer.ready ? 200 : 503)
  })

  app.openapi(metricsRoute, async (c) => {
    const { registry } = metrics
    return c.text(await registry.metrics(), 200, { 'Content-Type': registry.contentType })
  })
}

const notStored: MiddlewareHandler = async (c, next) => {
  c.header('Cache-Control', 'no-store')
  await next()
}

async function readinessInTime(readiness: () => Promise<Readiness>, log: Log): Promise<Readiness> {
  try {
    return await withinTime(readiness(), READINESS_WAIT_MS)
  } catch (error) {
    log.warn({ error: loggable(error) }, 'readiness is not known')
    return { ready: false, parts: {} }
  }
}
