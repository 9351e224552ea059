import type { Hook, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ApiEnv } from './context.ts'
import { ApiError, type FieldError } from './errors.ts'

/** Most wrong fields that one answer names. */
const ERRORS_SHOWN = 20
/** Longest name of a field that is repeated to whoever sent it. */
const NAME_CHARACTERS = 64

/**
 * What the routes do when input does not fit its schema. A code in the path that cannot be one is as unknown as
 * any other; all else is named, field by field.
 */
export const invalidInput: Hook<unknown, ApiEnv, string, void> = (result, c) => {
  if (result.success) {
    if (result.target === 'json') refuseLostBody(c)
    return
  }
  if (result.target === 'param') throw new ApiError('not_found', 'There is nothing at this URL.')
  const errors = result.error.issues.flatMap(fieldErrors)
  throw new ApiError(
    'invalid_input',
    `Wrong ${result.target === 'query' ? 'query parameters' : 'input'}: see errors.`,
    {
      errors: errors.slice(0, ERRORS_SHOWN),
    },
  )
}

/** Hono takes no body for an empty object: a change that lost its body on the way would be one that empties fields. */
function refuseLostBody(c: Context<ApiEnv>): void {
  const changes = c.req.method === 'PUT' || c.req.method === 'PATCH'
  if (changes && c.req.header('Content-Type') === undefined) {
    throw new ApiError('invalid_input', 'A body of the type application/json is missing.')
  }
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.map(String).join('.')
  if (issue.code !== 'unrecognized_keys') return [{ path: shortened(path), message: issue.message }]
  return issue.keys.map((key) => ({
    path: shortened(path === '' ? key : `${path}.${key}`),
    message: 'is not known here',
  }))
}

function shortened(name: string): string {
  return name.length > NAME_CHARACTERS ? `${name.slice(0, NAME_CHARACTERS)}…` : name
}
