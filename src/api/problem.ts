import type { ApiError, ErrorCode, FieldError } from './errors.ts'

/** Problem details (RFC 9457): the body of every answer that is an error. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  request_id: string
  errors?: readonly FieldError[]
}

interface Kind {
  status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 412 | 413 | 422 | 428 | 429 | 431 | 500 | 503
  title: string
}

/** Where each code becomes HTTP. A code without a line here does not compile; docs/api.md lists them. */
export const problemKinds: Record<ErrorCode, Kind> = {
  malformed_request: { status: 400, title: 'Malformed request' },
  invalid_input: { status: 400, title: 'Invalid input' },
  idempotency_key_required: { status: 400, title: 'Idempotency-Key required' },
  unauthenticated: { status: 401, title: 'Not signed in' },
  password_change_required: { status: 403, title: 'Password must be changed' },
  forbidden: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  request_timeout: { status: 408, title: 'Request timeout' },
  conflict: { status: 409, title: 'Conflict' },
  in_use: { status: 409, title: 'In use' },
  idempotency_running: { status: 409, title: 'Still running' },
  idempotency_answer_gone: { status: 409, title: 'Done already, answer not kept' },
  revision_outdated: { status: 412, title: 'Changed in the meantime' },
  content_too_large: { status: 413, title: 'Content too large' },
  unprocessable: { status: 422, title: 'Cannot be done as asked' },
  idempotency_mismatch: { status: 422, title: 'Idempotency-Key of another request' },
  revision_required: { status: 428, title: 'If-Match required' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  header_too_large: { status: 431, title: 'Request header too large' },
  internal: { status: 500, title: 'Internal error' },
  busy: { status: 503, title: 'Busy' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
}

/** When to try again after `unavailable`, in seconds. */
const RETRY_AFTER_S = 5

/** A relative reference, so that it names no website: stable, and listed in docs/api.md. */
export function problemType(code: ErrorCode): string {
  return `/problems/${code.replaceAll('_', '-')}`
}

/** @param where.instance the path that was asked for, still percent-encoded */
export function problemOf(error: ApiError, where: { instance: string; requestId: string }): Problem {
  const { status, title } = problemKinds[error.code]
  return {
    type: problemType(error.code),
    title,
    status,
    detail: error.message,
    instance: where.instance,
    request_id: where.requestId,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  }
}

export function problemHeaders({ code, retryAfterS }: Pick<ApiError, 'code' | 'retryAfterS'>): Record<string, string> {
  const retryAfter = retryAfterS ?? (problemKinds[code].status === 503 ? RETRY_AFTER_S : undefined)
  return {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfter)) }),
    ...(code === 'unauthenticated' ? { 'WWW-Authenticate': 'Bearer realm="baywire"' } : {}),
  }
}
