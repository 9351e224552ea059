import type { FieldError, RefusalCode } from '../refusal.ts'

/**
 * What the API refuses, as a closed list of codes. They say nothing about HTTP: problem.ts maps them.
 * Anything else that is thrown while a request is answered goes through failure.ts first.
 */
export type ErrorCode =
  | RefusalCode
  | 'malformed_request'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'content_too_large'
  | 'header_too_large'
  | 'idempotency_key_required'
  | 'idempotency_running'
  | 'idempotency_answer_gone'
  | 'idempotency_mismatch'
  | 'internal'
  | 'unavailable'

export type { FieldError }

export class ApiError extends Error {
  readonly code: ErrorCode
  readonly errors: readonly FieldError[] | undefined
  /** When it may be tried again, in seconds. */
  readonly retryAfterS: number | undefined

  /** @param detail one sentence for whoever sent the request: nothing of the inside of Baywire */
  constructor(
    code: ErrorCode,
    detail: string,
    {
      errors,
      retryAfterS,
      cause,
    }: { errors?: readonly FieldError[] | undefined; retryAfterS?: number | undefined; cause?: unknown } = {},
  ) {
    super(detail, { cause })
    this.name = 'ApiError'
    this.code = code
    this.errors = errors
    this.retryAfterS = retryAfterS
  }
}
