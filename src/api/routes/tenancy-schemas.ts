import { z } from '@hono/zod-openapi'
import { roles } from '../../auth/permissions.ts'
import type { Permission } from '../../auth/permissions.ts'
import type { ErrorCode } from '../errors.ts'
import { problem } from '../responses.ts'

/** Fields and answers that the routes of members, invites and the tenant have in common. */
const NAME_CHARACTERS = 200

/** As Postgres writes it, so that ids can be compared. */
export const id = z.uuid().toLowerCase()
export const time = z.iso.datetime({ precision: 3 })
export const role = z.enum(roles)
export const next = z.string().nullable().openapi({ description: 'cursor of the next page; null on the last one' })
export const exampleId = '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'
export const exampleTime = '2026-11-20T08:15:04.120Z'
export const password = z.string().max(1024)

/** Text that stays on one line; white space around it is nobody's. */
export const name = z
  .string()
  .trim()
  .min(1)
  .max(NAME_CHARACTERS)
  .refine((text) => !/[\p{Cc}\p{Surrogate}]/u.test(text), 'has control characters, or is not Unicode')

export const email = z.string().min(3).max(254).refine(isPlain, 'is not an e-mail address')

function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Surrogate}]/u.test(text)
}

export const idParam = (description: string) =>
  z.object({ id: id.openapi({ param: { name: 'id', in: 'path' }, description, example: exampleId }) })

export const ifMatch = z.object({
  'if-match': z
    .string()
    .optional()
    .openapi({ description: 'the ETag of what you have read: 428 without it, 412 where it is old', example: '"1"' }),
})

const about: Partial<Record<ErrorCode, string>> = {
  invalid_input: 'Something is wrong or unknown; `errors` names it.',
  unauthenticated: 'No valid access token or API key.',
  forbidden: 'Your role or key has not the permission that this needs, or the role in question is above yours.',
  not_found: 'There is none with this id in your tenant.',
  conflict: 'It is there already: `errors` names the field.',
  in_use: 'The last owner stays.',
  revision_outdated: 'It was changed in the meantime: read it again.',
  content_too_large: 'The body is larger than 1 MiB.',
  revision_required: '`If-Match` is missing.',
  internal: 'Something went wrong. The request id finds it in the log.',
  unavailable: 'The database does not answer; try again after `Retry-After` seconds.',
}
export const described = (code: ErrorCode, description = about[code] ?? code) => problem(code, description)

const always = { 400: described('invalid_input'), 500: described('internal'), 503: described('unavailable') }
export const openFailures = { ...always, 413: described('content_too_large') }
export const readFailures = {
  ...always,
  401: described('unauthenticated'),
  403: described('forbidden'),
  404: described('not_found'),
}
export const createFailures = { ...readFailures, 409: described('conflict'), 413: described('content_too_large') }
export const changeFailures = {
  ...readFailures,
  409: described('in_use'),
  412: described('revision_outdated'),
  413: described('content_too_large'),
  428: described('revision_required'),
}

export const deleted = { description: 'it is gone' }

const text = (description: string) => ({ description, schema: { type: 'string' as const } })

/** An answer with the resource as JSON and its revision as ETag. */
export function resource<Schema extends z.ZodType>(schema: Schema, description: string) {
  return {
    description,
    headers: {
      'X-Request-Id': text('id of this request, also in the log'),
      ETag: text('its revision: send it as `If-Match` to change it'),
    },
    content: { 'application/json': { schema } },
  }
}

/** The same where it was made: it says where it is. */
export function created<Schema extends z.ZodType>(schema: Schema, description: string) {
  const answer = resource(schema, description)
  return { ...answer, headers: { ...answer.headers, Location: text('where it is') } }
}

export function body<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } }
}

/** What every route of those who are signed in has, and which permission it needs. */
export function guardedBy(permission: Permission) {
  return { security: [{ bearer: [] }], 'x-permission': permission }
}
