import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import { ApiError } from './errors.ts'
import { loggable } from './failure.ts'
import { problemHeaders, problemKinds, problemOf } from './problem.ts'

/**
 * Answers to what never becomes a request for the routes. They are problem documents like all others; what was
 * asked for is not known, so `instance` is the root.
 */

/** @param malformed its URL or its Host header is none; otherwise the fault is ours */
export function answerUnroutable(malformed: boolean, { error, log }: { error: unknown; log: Log }): Response {
  const failure = malformed
    ? new ApiError('malformed_request', 'The URL or the Host header is malformed.')
    : new ApiError('internal', 'Something went wrong. The request id finds it in the log.')
  const requestId = newId()
  if (!malformed) log.error({ request_id: requestId, error: loggable(error) }, 'request failed')
  return new Response(bodyOf(failure, requestId), {
    status: problemKinds[failure.code].status,
    headers: { ...problemHeaders(failure), 'X-Request-Id': requestId },
  })
}

/** Node's HTTP parser gave up: it waits for an answer on the bare connection, and for its end. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const failure = parserFailure(error.code)
  const requestId = newId()
  const body = bodyOf(failure, requestId)
  const { status } = problemKinds[failure.code]
  const headers = {
    ...problemHeaders(failure),
    'X-Request-Id': requestId,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

function parserFailure(code: string | undefined): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError('header_too_large', 'The URL and the headers together are too large.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError('request_timeout', 'The request did not arrive in time.')
    default:
      return new ApiError('malformed_request', 'This is not HTTP/1.1.')
  }
}

function bodyOf(failure: ApiError, requestId: string): string {
  return JSON.stringify(problemOf(failure, { instance: '/', requestId }))
}
