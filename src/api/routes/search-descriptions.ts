import { createRoute, z } from '@hono/zod-openapi'
import { json } from '../responses.ts'
import { code, exampleId, guardedBy, id, level, otherExampleId, readFailures, status } from './place-schemas.ts'

const CHARACTERS = 100
const { 404: _none, ...failures } = readFailures

const space = z.object({
  kind: z.literal('space'),
  id,
  code,
  name: z.string(),
  site_id: id,
  site: code,
  level: level.nullable(),
  status,
})
const device = z.object({
  kind: z.literal('device'),
  id,
  code,
  name: z.string().nullable(),
  space_id: id.nullable(),
  space: z.string().nullable().openapi({ description: '`SITE/SPACE`' }),
})

const hits = z.object({ items: z.array(z.discriminatedUnion('kind', [space, device])) }).openapi('SearchHits', {
  example: {
    items: [
      {
        kind: 'space',
        id: exampleId,
        code: 'A-17',
        name: 'A 17',
        site_id: otherExampleId,
        site: 'harbour',
        level: '0',
        status: 'free',
      },
      { kind: 'device', id: otherExampleId, code: 'A-17', name: null, space_id: exampleId, space: 'harbour/A-17' },
    ],
  },
})

export const searchRoute = createRoute({
  tags: ['spaces'],
  ...guardedBy('places:read'),
  method: 'get',
  path: '/api/v1/search',
  summary: 'Go to a space, or a device',
  description:
    'Spaces, and devices for those with `devices:read`, whose code or name has `q` in it, in upper or lower case; also `SITE/SPACE`. What is all of it comes first, then what begins with it. At most 20.',
  request: {
    query: z.strictObject({
      q: z
        .string({ error: 'must be given once' })
        .trim()
        .min(1)
        .max(CHARACTERS)
        .regex(/^[^\p{Cc}\p{Surrogate}]*$/u, 'has control characters, or is not Unicode')
        .openapi({ description: 'some of a code or a name', example: 'A-17' }),
    }),
  },
  responses: { 200: json(hits, 'what was found'), ...failures },
})
