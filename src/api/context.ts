import type { Context } from 'hono'
import type { RequestIdVariables } from 'hono/request-id'
import type { Principal } from '../auth/principal.ts'
import type { ClientAddress } from './client-address.ts'
import type { ApiError } from './errors.ts'
import type { IdempotencyKey } from './idempotency.ts'
import { problemHeaders, problemKinds, problemOf } from './problem.ts'

/** What every handler finds in its context. */
export interface ApiEnv {
  Variables: RequestIdVariables & {
    /** Of the routes for those who are signed in alone. */
    principal: Principal
    /** Where the request comes from. */
    client: ClientAddress
    /** Of a POST that carried an Idempotency-Key. */
    idempotency: IdempotencyKey | undefined
  }
}

export function problemResponse(c: Context<ApiEnv>, error: ApiError): Response {
  const where = { instance: new URL(c.req.url).pathname, requestId: c.get('requestId') }
  const response = c.json(problemOf(error, where), problemKinds[error.code].status, problemHeaders(error))
  // Of a resource whose transaction failed after it was made.
  for (const name of ['ETag', 'Location']) response.headers.delete(name)
  return response
}
