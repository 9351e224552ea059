import { DrizzleQueryError } from 'drizzle-orm/errors'
import { HTTPException } from 'hono/http-exception'
import { Refusal } from '../refusal.ts'
import { errorCodeOf, isCanceled, isTransient } from '../store/connection-error.ts'
import { ProvisioningHeldError } from '../store/provision-lock.ts'
import { ApiError } from './errors.ts'
import { TimeLimitError } from './time-limit.ts'

/** After it waited for some seconds already. */
const retryAfterS = 5

/**
 * Whatever is thrown while a request is answered becomes one of the API's own errors here, and something that
 * may be logged: no parameters of a query, no tokens, nothing that the client sent.
 */
export function failureOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof Refusal) {
    const { code, message, errors, cause } = error
    return new ApiError(code, message, { errors, retryAfterS: error.retryAfterS, cause })
  }
  if (error instanceof ProvisioningHeldError) {
    const detail = 'Others make or change places, devices or credentials of your tenant at the moment: try again.'
    return new ApiError('busy', detail, { retryAfterS, cause: error })
  }
  if (isUnavailable(error)) {
    return new ApiError('unavailable', 'The database does not answer at the moment.', { cause: error })
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new ApiError('malformed_request', 'The request cannot be read.', { cause: error })
  }
  return new ApiError('internal', 'Something went wrong. The request id finds it in the log.', { cause: error })
}

/** A statement that ran too long, too. */
function isUnavailable(error: unknown): boolean {
  return error instanceof TimeLimitError || isTransient(error) || isCanceled(error)
}

/** What may be logged of an error. Drizzle's own has all parameters in its message, so its cause speaks for it. */
export function loggable(error: unknown): Record<string, unknown> {
  if (error instanceof ApiError && error.cause !== undefined) return loggable(error.cause)
  if (error instanceof DrizzleQueryError) {
    return { query: error.query, ...(error.cause === undefined ? {} : loggable(error.cause)) }
  }
  if (!(error instanceof Error)) return { message: `thrown: ${typeof error}` }
  const code = errorCodeOf(error)
  return { name: error.name, message: error.message, stack: error.stack, ...(code === undefined ? {} : { code }) }
}
