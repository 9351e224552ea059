import { isDeepStrictEqual } from 'node:util'
import { z, type RouteConfig } from '@hono/zod-openapi'
import type { Api } from '../../../src/api/app.ts'
import { problemBody } from '../../../src/api/schemas.ts'

/**
 * Holds each answer against the description of its route: its status, its content type, its body with no field too many.
 * What any route may answer before it is asked (document-answers.ts) need not be described by it.
 */
const everywhere = new Set([400, 401, 403, 404, 405, 413, 429, 500, 503])
const strictProblem = problemBody.strict()

/** Answers as `app.request` does; throws where the answer is none that the document has. */
export function validating(app: Api): Api['request'] {
  return async (input, init, ...rest) => {
    const answer = await app.request(input, init, ...rest)
    const url = new URL(input instanceof Request ? input.url : input, 'http://localhost')
    const method = (input instanceof Request ? input.method : (init?.method ?? 'GET')).toLowerCase()
    const fault = await faultOf(routeAt(app, { method, path: url.pathname }), answer.clone())
    if (fault !== undefined) throw new Error(`${method.toUpperCase()} ${url.pathname} → ${answer.status}: ${fault}`)
    return answer
  }
}

function routeAt(app: Api, { method, path }: { method: string; path: string }): RouteConfig | undefined {
  const asked = method === 'head' ? 'get' : method
  const routes = app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' && definition.route.method === asked ? [definition.route as RouteConfig] : [],
  )
  const fitting = routes.filter((route) => patternOf(route).test(path))
  // `/spaces/import` before `/spaces/{id}`.
  return fitting.toSorted((a, b) => a.path.split('{').length - b.path.split('{').length)[0]
}

function patternOf({ path }: RouteConfig): RegExp {
  return new RegExp(`^${path.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`).replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

async function faultOf(route: RouteConfig | undefined, answer: Response): Promise<string | undefined> {
  const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
  const text = await answer.text()
  if (!answer.headers.has('x-request-id')) return 'no X-Request-Id'
  if (answer.status >= 400) {
    if (type !== 'application/problem+json') return route?.responses[answer.status] ? undescribed(type) : 'no problem'
    if (text === '') return undefined
    const problem = strictProblem.safeParse(JSON.parse(text))
    if (!problem.success) return z.prettifyError(problem.error)
    if (problem.data.status !== answer.status) return `the problem says ${problem.data.status}`
  }
  if (route === undefined || answer.status === 304) return undefined
  const described = route.responses[String(answer.status)]
  if (described === undefined) return everywhere.has(answer.status) ? undefined : 'a status that is not described'
  if (!('content' in described) || described.content === undefined) return text === '' ? undefined : 'a body'
  const media = described.content[type]
  if (media === undefined) return undescribed(type)
  if (text === '' || !type.endsWith('json') || !('schema' in media) || !(media.schema instanceof z.ZodType)) {
    return undefined
  }
  return bodyFault(media.schema, JSON.parse(text))
}

function bodyFault(schema: z.ZodType, body: unknown): string | undefined {
  const result = schema.safeParse(body)
  if (!result.success) return z.prettifyError(result.error)
  // Zod leaves out what a schema does not know.
  return isDeepStrictEqual(result.data, body) ? undefined : 'a field that is not described'
}

function undescribed(type: string): string {
  return `the content type ${type} is not described`
}
