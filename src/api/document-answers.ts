import type { ErrorCode } from './errors.ts'
import { problemExample, requestIdHeader } from './responses.ts'
import { problemKinds } from './problem.ts'

/**
 * Answers that a request may get before any route has seen it are the same everywhere, so no route describes them: they are
 * added to each operation of the document here, where it does not have an answer of that status.
 */
const everywhere: ErrorCode[] = ['malformed_request', 'not_found', 'internal', 'unavailable']
const ofApi: ErrorCode[] = ['too_many_requests']
const ofSignedIn: ErrorCode[] = ['unauthenticated', 'forbidden']
const ofBodies: ErrorCode[] = ['content_too_large']
const ofKeys: ErrorCode[] = ['idempotency_running', 'idempotency_mismatch']

const descriptions: Partial<Record<ErrorCode, string>> = {
  malformed_request: 'The request cannot be read, or has a wrong field or parameter, which `errors` names.',
  not_found: 'There is nothing at this URL.',
  internal: 'Something went wrong. The request id finds it in the log.',
  unavailable: 'The database does not answer; try again after `Retry-After` seconds.',
  too_many_requests: 'That was too much; try again after `Retry-After` seconds.',
  unauthenticated: 'There is no token, or none that is good.',
  forbidden: 'Whoever is signed in lacks the permission.',
  idempotency_running: 'The request with this `Idempotency-Key` still runs.',
  idempotency_mismatch: 'This `Idempotency-Key` was used for another request.',
  content_too_large: 'The body has more than 1 MiB.',
}

interface Operation {
  security?: unknown
  requestBody?: unknown
  parameters?: readonly { name?: unknown }[]
  responses?: Record<string, unknown>
  [other: string]: unknown
}
type Path = Record<string, unknown>
interface Document {
  paths?: Record<string, unknown> | undefined
}

export function completed<D extends Document>(document: D): D {
  const paths = Object.entries(document.paths ?? {}).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations as Path).map(([method, operation]) => [
        method,
        withAnswers(path, operation as Operation),
      ]),
    ),
  ])
  return { ...document, paths: Object.fromEntries(paths) as D['paths'] }
}

function withAnswers(path: string, operation: Operation): Operation {
  const responses = { ...operation.responses }
  const isApi = path.startsWith('/api/')
  const codes = [
    ...(isApi ? [...everywhere, ...ofApi] : []),
    ...(operation.security === undefined ? [] : ofSignedIn),
    ...(operation.requestBody === undefined ? [] : ofBodies),
    ...(operation.parameters?.some(({ name }) => name === 'idempotency-key') === true ? ofKeys : []),
  ]
  for (const code of codes) responses[problemKinds[code].status] ??= described(code)
  return { ...operation, responses }
}

function described(code: ErrorCode) {
  const description = descriptions[code] ?? problemKinds[code].title
  return {
    description,
    headers: { 'X-Request-Id': requestIdHeader },
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        example: problemExample(code, description),
      },
    },
  }
}
