import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Context } from 'hono'
import type { WebSocket } from 'ws'
import type { ApiEnv } from './context.ts'

/**
 * What the server gives a handler beside the request (`c.env`), and what a handler that wants more than to answer leaves there.
 * Requests that did not come over the server, as in tests, have none of it.
 */
export interface Connection {
  incoming?: IncomingMessage
  outgoing?: ServerResponse
  /** The request asks for a WebSocket. */
  upgrade?: true
  /**
   * Where the answer is a success: called with the response after its head, with all headers of the answer, was written. Whoever
   * sets it ends the response.
   */
  stream?: (response: ServerResponse) => void
  /** Where the answer is a success: called with the WebSocket, and the connection below it. */
  converse?: (socket: WebSocket, connection: Duplex) => void
}

export function connectionOf(c: Context<ApiEnv>): Connection {
  return (c.env as Connection | undefined) ?? {}
}
