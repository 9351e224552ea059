import { z } from '@hono/zod-openapi'
import { isTimezone } from '../../administration/row-reader.ts'
import { codePattern } from '../../ids.ts'
import type { ErrorCode } from '../errors.ts'
import { problem } from '../responses.ts'

/** Fields and answers that the routes of sites, zones, spaces, policies and overrides have in common. */
const NAME_CHARACTERS = 200
const REASON_CHARACTERS = 500

/** As Postgres writes it, so that ids can be compared. */
export const id = z.uuid().toLowerCase()
export const code = z.string().regex(codePattern, 'must be 1 to 64 of A-Z a-z 0-9 . _ ~ -')
export const time = z.iso.datetime({ precision: 3 })
export const name = line(NAME_CHARACTERS)
export const level = line(NAME_CHARACTERS)
export const reason = line(REASON_CHARACTERS)
export const lat = z.number().min(-90).max(90)
export const lon = z.number().min(-180).max(180)
export const timezone = z.string().max(64).refine(isTimezone, 'is no time zone')
export const features = z
  .array(code)
  .max(32)
  .refine((all) => new Set(all).size === all.length, 'names one twice')
export const status = z.enum(['free', 'occupied', 'reserved', 'blocked', 'out_of_service', 'unknown'])
export const yesOrNo = z.enum(['true', 'false']).transform((text) => text === 'true')
export const next = z.string().nullable().openapi({ description: 'cursor of the next page; null on the last one' })

/** Text that stays on one line; white space around it is nobody's. */
function line(characters: number) {
  return (
    z
      .string()
      .trim()
      .min(1)
      .max(characters)
      // oxlint-disable-next-line no-control-regex -- these it is that are refused
      .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), 'has control characters')
      .refine((text) => !/\p{Surrogate}/u.test(text), 'is not Unicode')
  )
}

interface Position {
  lat?: number | null | undefined
  lon?: number | null | undefined
}

/** Both coordinates, or none of them. */
export function bothOrNone({ lat: north, lon: east }: Position): boolean {
  return (north === undefined) === (east === undefined) && (north === null) === (east === null)
}
export const bothOrNoneMessage = { path: ['lon'], message: 'lat and lon are given together, or neither' }

export const idParam = (about: string) =>
  z.object({ id: id.openapi({ param: { name: 'id', in: 'path' }, description: about, example: exampleId }) })

export const exampleId = '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'
export const otherExampleId = '01995b6e-9a10-7c02-8b11-3d5e6f708192'

export const ifMatch = z.object({
  'if-match': z
    .string()
    .optional()
    .openapi({ description: 'the ETag of what you have read: 428 without it, 412 where it is old', example: '"1"' }),
})

const about: Partial<Record<ErrorCode, string>> = {
  invalid_input: 'Something is wrong or unknown; `errors` names it.',
  unauthenticated: 'No valid access token or API key.',
  forbidden: 'Your role or key has not the permission that this needs.',
  not_found: 'There is none with this id in your tenant.',
  conflict: 'The code is taken: `errors` names the field.',
  in_use: 'Something still uses it: `detail` says what.',
  revision_outdated: 'It was changed in the meantime: read it again.',
  content_too_large: 'The body is larger than 1 MiB.',
  revision_required: '`If-Match` is missing.',
  internal: 'Something went wrong. The request id finds it in the log.',
  unavailable: 'The database does not answer; try again after `Retry-After` seconds.',
}
const described = (errorCode: ErrorCode) => problem(errorCode, about[errorCode] ?? errorCode)

/** What any route of those who are signed in may answer. */
const always = {
  400: described('invalid_input'),
  401: described('unauthenticated'),
  403: described('forbidden'),
  500: described('internal'),
  503: described('unavailable'),
}
export const readFailures = { ...always, 404: described('not_found') }
export const createFailures = { ...readFailures, 409: described('conflict'), 413: described('content_too_large') }
export const changeFailures = {
  ...createFailures,
  412: described('revision_outdated'),
  428: described('revision_required'),
}
export const deleteFailures = {
  ...readFailures,
  409: described('in_use'),
  412: described('revision_outdated'),
  428: described('revision_required'),
}

export const deleted = { description: 'it is gone' }

/** An answer with the resource as JSON and its revision as ETag. */
export function resource<Schema extends z.ZodType>(schema: Schema, description: string) {
  return {
    description,
    headers: {
      'X-Request-Id': { description: 'id of this request, also in the log', schema: { type: 'string' as const } },
      ETag: { description: 'its revision: send it as `If-Match` to change it', schema: { type: 'string' as const } },
    },
    content: { 'application/json': { schema } },
  }
}

/** The same where it was made: it says where it is. */
export function created<Schema extends z.ZodType>(schema: Schema) {
  const answer = resource(schema, 'it was made')
  const location = { description: 'where it is', schema: { type: 'string' as const } }
  return { ...answer, headers: { ...answer.headers, Location: location } }
}

export function body<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } }
}

/** What every route here is, and which permission it needs. */
export function guardedBy(permission: string) {
  return { security: [{ bearer: [] }], 'x-permission': permission }
}
