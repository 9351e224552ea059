/**
 * What the verbs (auth/, administration/) refuse, as a closed list of codes. They say nothing about HTTP: api/problem.ts
 * maps each of them.
 */
export type RefusalCode =
  | 'unauthenticated'
  | 'password_change_required'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'in_use'
  | 'invalid_input'
  | 'unprocessable'
  | 'revision_required'
  | 'revision_outdated'
  | 'too_many_requests'
  | 'busy'

/** One wrong field of the input; `path` names a parameter, or a field of the body. */
export interface FieldError {
  path: string
  message: string
}

export interface RefusalOptions {
  errors?: readonly FieldError[]
  /** When it may be tried again, in seconds. */
  retryAfterS?: number
  cause?: unknown
}

export class Refusal extends Error {
  readonly code: RefusalCode
  readonly errors: readonly FieldError[] | undefined
  readonly retryAfterS: number | undefined

  /** @param detail one sentence for whoever asked: nothing of the inside of Baywire, nothing secret */
  constructor(code: RefusalCode, detail: string, { errors, retryAfterS, cause }: RefusalOptions = {}) {
    super(detail, { cause })
    this.name = 'Refusal'
    this.code = code
    this.errors = errors
    this.retryAfterS = retryAfterS
  }
}

/** Of a change that found another revision of its resource than the expected one. */
export function revisionOutdated(): Refusal {
  return new Refusal('revision_outdated', 'It was changed in the meantime: read it again.')
}
