import { createRoute, z } from '@hono/zod-openapi'
import { json, problem } from '../responses.ts'
import { moment, pageQuery } from '../schemas.ts'

/** The audit log as the OpenAPI document has it. */
const ENTRIES_PER_PAGE = 100
const word = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Surrogate}]*$/u, 'has control characters, or is not Unicode')
const actorKind = z.enum(['user', 'api_key', 'command', 'system'])

const auditQuery = pageQuery(ENTRIES_PER_PAGE).extend({
  actor: z
    .string()
    .regex(
      /^(user|api_key|command|system):[^\p{Cc}\p{Surrogate}]{1,200}$/u,
      'must be kind:id, as user:01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
    )
    .optional()
    .openapi({ description: 'who did it: `kind:id`', example: 'user:01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' }),
  action: word.optional().openapi({ description: 'exactly this action', example: 'site.created' }),
  target: z
    .string()
    .regex(/^[a-z_]{1,50}(:[^\p{Cc}\p{Surrogate}]{1,200})?$/u, 'must be a kind, or kind:id')
    .optional()
    .openapi({ description: 'what it was done to: `kind` or `kind:id`', example: 'site' }),
  since: moment.optional().openapi({ description: 'from this time on', example: '2026-11-20T00:00:00Z' }),
  until: moment.optional().openapi({ description: 'before this time', example: '2026-11-21T00:00:00Z' }),
})

const entry = z
  .object({
    seq: z.int().min(1).openapi({ description: "its number in the tenant's chain" }),
    at: z.iso.datetime({ precision: 3 }),
    actor: z.object({ kind: actorKind, id: z.string() }),
    action: z.string(),
    target: z.object({ kind: z.string(), id: z.string() }),
    detail: z.record(z.string(), z.unknown()).openapi({ description: 'what changed' }),
    request_id: z.string().nullable(),
    hash: z.string().openapi({ description: 'SHA-256 over the entry and the hash of the one before it, in hex' }),
  })
  .openapi('AuditEntry', {
    example: {
      seq: 17,
      at: '2026-11-20T08:15:04.120Z',
      actor: { kind: 'user', id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55' },
      action: 'site.created',
      target: { kind: 'site', id: '01995b6e-90aa-7b02-8c11-55aa0f3d2e10' },
      detail: { code: 'harbour' },
      request_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c56',
      hash: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
    },
  })

const page = z
  .object({ items: z.array(entry), next: z.string().nullable().openapi({ description: 'cursor of the next page' }) })
  .openapi('AuditPage')

export const auditRoute = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  tags: ['audit'],
  summary: 'What was done in the tenant, by whom',
  description: 'The newest first. Entries are only ever added; `baywire audit verify` checks that.',
  security: [{ bearer: [] }],
  'x-permission': 'audit:read',
  request: { query: auditQuery },
  responses: {
    200: json(page, 'a page of entries'),
    400: problem('invalid_input', 'A query parameter is wrong or unknown; `errors` names it.'),
    401: problem('unauthenticated', 'There is no token, or none that is good.'),
    403: problem('forbidden', 'This needs the permission audit:read.'),
    500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
    503: problem('unavailable', 'The database does not answer; try again after `Retry-After` seconds.'),
  },
})
