import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../app.ts'
import { ApiError } from '../errors.ts'
import { json, problem } from '../responses.ts'
import { problemKinds, problemType } from '../problem.ts'

/** What each `type` of a problem document leads to. */
const body = z
  .object({ type: z.string(), title: z.string(), status: z.int(), see: z.string() })
  .openapi('ProblemKind', {
    example: { type: '/problems/not-found', title: 'Not found', status: 404, see: 'docs/api.md#errors' },
  })

const route = createRoute({
  method: 'get',
  path: '/problems/{type}',
  tags: ['system'],
  summary: 'What a type of problem is',
  request: {
    params: z.object({
      type: z.string().openapi({ param: { name: 'type', in: 'path' }, description: 'its name', example: 'not-found' }),
    }),
  },
  responses: { 200: json(body, 'its title and status'), 404: problem('not_found', 'There is no such type.') },
})

const kinds = new Map(
  (Object.keys(problemKinds) as (keyof typeof problemKinds)[]).map((code) => {
    const type = problemType(code)
    return [type, { type, ...problemKinds[code], see: 'docs/api.md#errors' }]
  }),
)

export function addProblemRoutes(app: Api): void {
  app.openapi(route, (c) => {
    const kind = kinds.get(`/problems/${c.req.valid('param').type}`)
    if (kind === undefined) throw new ApiError('not_found', 'There is nothing at this URL.')
    return c.json(kind, 200)
  })
}
