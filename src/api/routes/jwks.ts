import { createRoute, z } from '@hono/zod-openapi'
import type { PublishedKeys } from '../../auth/published-keys.ts'
import type { Api } from '../app.ts'
import { json, problem } from '../responses.ts'
import { withinTime } from '../time-limit.ts'

export interface JwksRouteOptions {
  publishedKeys: Pick<PublishedKeys, 'jwks'>
  databaseWaitMs: number
}

/** Shorter than a key is published before it signs (auth/key-schedule.ts, K2). */
const KEPT_S = 300

const jwksBody = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
      }),
    ),
  })
  .openapi('Jwks', {
    example: {
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
          kid: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
          alg: 'EdDSA',
          use: 'sig',
        },
      ],
    },
  })

const jwksRoute = createRoute({
  method: 'get',
  path: '/.well-known/jwks.json',
  tags: ['auth'],
  summary: 'Keys that access tokens are verified with',
  description: 'RFC 7517. The key that signs, the next one, and those whose tokens may still be good.',
  responses: {
    200: json(jwksBody, 'the keys in force'),
    500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
    503: problem('unavailable', 'The database does not answer; try again after `Retry-After` seconds.'),
  },
})

export function addJwksRoute(app: Api, { publishedKeys, databaseWaitMs }: JwksRouteOptions): void {
  app.openapi(jwksRoute, async (c) => {
    const jwks = await withinTime(publishedKeys.jwks(), databaseWaitMs)
    c.header('Cache-Control', `public, max-age=${KEPT_S}`)
    return c.json(jwks as z.infer<typeof jwksBody>, 200)
  })
}
