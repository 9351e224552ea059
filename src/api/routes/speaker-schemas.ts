import { z } from '@hono/zod-openapi'
import { codePattern } from '../../ids.ts'
import type { ErrorCode } from '../errors.ts'
import { json, problem } from '../responses.ts'
import { pageQuery } from '../schemas.ts'

/** What the routes of devices, gateways, apps and orphans have in common. */
const DEFAULT_LIMIT = 100
const NAME_CHARACTERS = 200

export const exampleId = '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'
export const code = z.string().regex(codePattern, { error: 'must be a code of 1 to 64 of A-Z a-z 0-9 . _ ~ -' })
/** In the one form in which the database tells ids: they are compared, and written to the audit log. */
const uuid = z.uuid().toLowerCase()
export const id = uuid.openapi({ example: exampleId })
export const time = z.iso.datetime({ precision: 3 }).openapi({ example: '2026-11-20T08:15:04.120Z' })
/** Control characters, line ends and halves of characters: a name is shown in tables and written to CSV. */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u
export const name = z
  .string()
  .min(1)
  .max(NAME_CHARACTERS)
  .refine((text) => !unprintable.test(text), { error: 'must not have control characters' })
  .nullable()
  .openapi({ example: 'North ramp, left' })
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')
export const presence = z.enum(['online', 'offline'])
export const presenceFilter = z
  .enum(['online', 'offline', 'unknown'])
  .optional()
  .openapi({ description: 'what the status topic last said; `unknown` where it never spoke', example: 'offline' })
export const codePrefix = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9._~-]*$/, { error: 'must be the beginning of a code' })
  .optional()
  .openapi({ description: 'the code begins with this', example: 'A-' })
export const listQuery = pageQuery(DEFAULT_LIMIT)
export const next = z.string().nullable().openapi({ description: 'cursor of the next page; null on the last one' })

export function idParam(noun: string) {
  return z.object({ id: uuid.openapi({ param: { name: 'id', in: 'path' }, description: `id of the ${noun}` }) })
}

export function codeParam(noun: string) {
  return z.object({
    code: code.openapi({ param: { name: 'code', in: 'path' }, description: `code of the ${noun}`, example: 'A-17' }),
  })
}

export const ifMatch = z.object({
  'if-match': z
    .string()
    // Its absence has an answer of its own: see `expectedRevision`.
    .optional()
    .openapi({ param: { required: true }, description: 'the `ETag` of what was read', example: '"3"' }),
})

export const issued = z
  .object({
    username: z.string(),
    client_id: z.string(),
    secret: z.string().openapi({ description: 'shown this once; it cannot be read again' }),
  })
  .openapi('MqttCredentials', {
    example: {
      username: 'city/devices/A-17',
      client_id: 'city/devices/A-17',
      secret: 'E9uoyccfdCj4mJDs5E81wQE9h9VGf_qBFpDt1eHOUug',
    },
  })
export const issuedBody = z.object({ credentials: issued }).openapi('IssuedCredentials')

export function body<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } }
}

const etagHeader = {
  description: 'the revision: send it as `If-Match` to change it',
  schema: { type: 'string' },
} as const
const locationHeader = { description: 'the path of what was made', schema: { type: 'string' } } as const

/** A single resource, with the revision that a change of it must name. */
export function resource<Schema extends z.ZodType>(schema: Schema, description: string) {
  const answer = json(schema, description)
  return { ...answer, headers: { ...answer.headers, ETag: etagHeader } }
}

export function created<Schema extends z.ZodType>(schema: Schema, description: string) {
  const answer = resource(schema, description)
  return { ...answer, headers: { ...answer.headers, Location: locationHeader } }
}

const said = {
  invalid_input: 'A field or parameter is wrong or unknown; `errors` names it.',
  unauthenticated: 'There is no access token or API key, or it is not good any more.',
  forbidden: 'The permission is missing.',
  not_found: 'There is none with this id or code: not in the own tenant.',
  content_too_large: 'The body has more than 1 MiB.',
  revision_outdated: 'It was changed in the meantime.',
  revision_required: '`If-Match` is missing.',
  internal: 'Something went wrong. The request id finds it in the log.',
  unavailable: 'The database does not answer; try again after `Retry-After` seconds.',
} as const satisfies Partial<Record<ErrorCode, string>>

const ofReads = {
  400: problem('invalid_input', said.invalid_input),
  401: problem('unauthenticated', said.unauthenticated),
  403: problem('forbidden', said.forbidden),
  500: problem('internal', said.internal),
  503: problem('unavailable', said.unavailable),
}
const notFound = { 404: problem('not_found', said.not_found) }

/** How requests fail: of a list, of one resource, of an action, and of a change that names a revision. */
export const listFailures = ofReads
export const readFailures = { ...ofReads, ...notFound }
export const actionFailures = { ...readFailures, 413: problem('content_too_large', said.content_too_large) }
export const changeFailures = {
  ...actionFailures,
  412: problem('revision_outdated', said.revision_outdated),
  428: problem('revision_required', said.revision_required),
}

export function conflict(description: string) {
  return { 409: problem('conflict', description) }
}

export function inUse(description: string) {
  return { 409: problem('in_use', description) }
}

export const signedInWith = (permission: string) => ({ security: [{ bearer: [] }], 'x-permission': permission })
