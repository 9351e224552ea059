/** What the API refused, as it says so (RFC 9457), or that it was not to be reached at all. */
export interface FieldError {
  path: string
  message: string
}

interface ProblemBody {
  type?: unknown
  title?: unknown
  detail?: unknown
  request_id?: unknown
  errors?: unknown
}

/** An answer that is an error. `kind` is the last part of the problem's type, such as `not-found`. */
export class Problem extends Error {
  readonly status: number
  readonly kind: string
  readonly title: string
  readonly requestId: string | undefined
  readonly errors: readonly FieldError[]
  /** When it may be tried again. */
  readonly retryAfterS: number | undefined

  constructor(response: Response, body: ProblemBody) {
    const title = typeof body.title === 'string' ? body.title : `The server answered ${response.status}`
    super(typeof body.detail === 'string' ? body.detail : title)
    this.name = 'Problem'
    this.status = response.status
    this.kind = typeof body.type === 'string' ? body.type.replace(/^.*\//, '') : 'unknown'
    this.title = title
    this.requestId = typeof body.request_id === 'string' ? body.request_id : undefined
    this.errors = Array.isArray(body.errors) ? body.errors.filter(isFieldError) : []
    const wait = Number(response.headers.get('Retry-After') ?? Number.NaN)
    this.retryAfterS = Number.isFinite(wait) ? wait : undefined
  }

  /** Of one field of a form, by its path. */
  errorOf(path: string): string | undefined {
    return this.errors.find((error) => error.path === path)?.message
  }
}

/** Nobody answered, or somebody who is not the API: a proxy in front of it. */
export class Unreachable extends Error {
  constructor(cause?: unknown) {
    super('The API does not answer.', { cause })
    this.name = 'Unreachable'
  }
}

/** The session is over; the sign-in form is shown, and nobody needs to be told twice. */
export class SignedOut extends Error {
  constructor() {
    super('You are signed out.')
    this.name = 'SignedOut'
  }
}

/** @throws Unreachable for what is no answer of the API */
export async function problemOf(response: Response): Promise<Problem> {
  if (!(response.headers.get('Content-Type') ?? '').startsWith('application/problem+json')) {
    throw new Unreachable(`HTTP ${response.status}`)
  }
  const body: unknown = await response.json().catch(() => ({}))
  return new Problem(response, typeof body === 'object' && body !== null ? body : {})
}

function isFieldError(value: unknown): value is FieldError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  )
}
