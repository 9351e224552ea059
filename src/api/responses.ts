import type { z } from '@hono/zod-openapi'
import type { ErrorCode } from './errors.ts'
import { problemKinds, problemType } from './problem.ts'
import { problemBody } from './schemas.ts'

/** How answers are described in the OpenAPI document. */
export const requestIdHeader = {
  description: 'id of this request, also in the log',
  schema: { type: 'string' },
} as const

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return {
    description,
    headers: { 'X-Request-Id': requestIdHeader },
    content: { 'application/json': { schema } },
  }
}

const etag = {
  description: 'send it as `If-None-Match`: 304 while nothing changed',
  schema: { type: 'string' },
} as const

/** The same for bodies that a client keeps and asks again for. */
export function revalidated<Schema extends z.ZodType>(schema: Schema, description: string) {
  const answer = json(schema, description)
  return { ...answer, headers: { ...answer.headers, ETag: etag } }
}

export function revalidatedGeoJson<Schema extends z.ZodType>(schema: Schema, description: string) {
  const headers = { 'X-Request-Id': requestIdHeader, ETag: etag }
  return { description, headers, content: { 'application/geo+json': { schema } } }
}

export const notModified = { description: 'nothing changed since the body with this ETag', content: {} }

export function problem(code: ErrorCode, description: string) {
  return {
    description,
    headers: { 'X-Request-Id': requestIdHeader },
    content: { 'application/problem+json': { schema: problemBody, example: problemExample(code, description) } },
  }
}

export function problemExample(code: ErrorCode, detail: string) {
  const { status, title } = problemKinds[code]
  return {
    type: problemType(code),
    title,
    status,
    detail,
    instance: '/api/v1/public/demo/sites',
    request_id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
    ...(code === 'invalid_input' ? { errors: [{ path: 'limt', message: 'is not known here' }] } : {}),
  }
}
