/**
 * What the API refuses, as a closed list of codes. They say nothing about HTTP: problem.ts maps them.
 * Anything else that is thrown while a request is answered goes through failure.ts first.
 */
export type ErrorCode =
  | 'malformed_request'
  | 'invalid_input'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'content_too_large'
  | 'header_too_large'
  | 'internal'
  | 'unavailable'

/** One wrong field of the input; `path` names a parameter, or a field of the body. */
export interface FieldError {
  path: string
  message: string
}

export class ApiError extends Error {
  readonly code: ErrorCode
  readonly errors: readonly FieldError[] | undefined

  /** @param detail one sentence for whoever sent the request: nothing of the inside of Baywire */
  constructor(code: ErrorCode, detail: string, options: { errors?: readonly FieldError[]; cause?: unknown } = {}) {
    super(detail, { cause: options.cause })
    this.name = 'ApiError'
    this.code = code
    this.errors = options.errors
  }
}
