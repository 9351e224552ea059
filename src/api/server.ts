import { createServer, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import { getRequestListener, RequestError } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { BaywireError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Api } from './app.ts'
import type { Connection } from './connection.ts'
import { acceptUpgrades } from './upgrade.ts'
import { answerUnreadable, answerUnroutable } from './unroutable.ts'

/** The listening side of the API: bounds what a connection may cost before a route has seen anything of it. */
const HEADER_BYTES = 16_384
const HEADER_WAIT_MS = 10_000
const REQUEST_WAIT_MS = 30_000
/** Longer than proxies usually keep theirs, so that it is the proxy that closes an idle connection. */
const IDLE_MS = 75_000
/** Besides those of streams. */
const CONNECTIONS = 10_000
const CLOSE_WAIT_MS = 5000

export interface ServerOptions {
  app: Pick<Api, 'fetch'>
  host: string
  /** 0 takes any free one. */
  port: number
  /** Where the port was set, for the error of one that cannot be had. */
  setting?: 'BAYWIRE_HTTP_PORT' | 'BAYWIRE_MONITOR_PORT'
  log: Log
  /** How long a close waits for the answers that are being given. */
  closeWaitMs?: number
  /** How many streams there may be; 0 is without limit. */
  streams?: number
}

export interface RunningApi {
  port: number
  /** Takes no more connections, lets running requests end, and closes connections that idle. */
  close(): Promise<void>
}

export async function startApi(options: ServerOptions): Promise<RunningApi> {
  const { app, host, port, log, setting = 'BAYWIRE_HTTP_PORT', closeWaitMs = CLOSE_WAIT_MS, streams = 0 } = options
  const listener = getRequestListener(streaming(app), {
    errorHandler: (error) => answerUnroutable(error instanceof RequestError, { error, log }),
  })
  const server = createServer({
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: HEADER_WAIT_MS,
    requestTimeout: REQUEST_WAIT_MS,
    keepAliveTimeout: IDLE_MS,
  })
  server.maxConnections = streams === 0 ? Number.MAX_SAFE_INTEGER : CONNECTIONS + streams
  server.on('clientError', answerUnreadable)
  server.on('upgrade', acceptUpgrades({ app, log }))
  server.on('request', (request, response) => {
    if (!server.listening) response.setHeader('Connection', 'close')
    // Idle from here on: during a close nobody else would end it.
    response.once('close', () => {
      if (!server.listening) server.closeIdleConnections()
    })
    void listener(request, response)
  })
  await listen(server, { host, port, setting })
  server.on('error', (error) => log.error({ err: error }, 'HTTP server'))
  let closing: Promise<void> | undefined
  return {
    port: portOf(server),
    close: () => (closing ??= close(server, closeWaitMs)),
  }
}

type Fetch = Parameters<typeof getRequestListener>[0]

/** Answers of handlers that want to write on as they like are begun here, with the headers that the middleware gave them. */
function streaming(app: Pick<Api, 'fetch'>): Fetch {
  return (request, env) => {
    const connection = env as Connection & { outgoing: ServerResponse }
    const answered = app.fetch(request, connection)
    return answered instanceof Promise
      ? answered.then((response) => begun(response, connection))
      : begun(answered, connection)
  }
}

function begun(response: Response, { stream, outgoing }: Connection & { outgoing: ServerResponse }): Response {
  if (stream === undefined || !response.ok || outgoing.destroyed) return response
  outgoing.writeHead(response.status, Object.fromEntries(response.headers) satisfies OutgoingHttpHeaders)
  stream(outgoing)
  return RESPONSE_ALREADY_SENT
}

type Target = Required<Pick<ServerOptions, 'host' | 'port' | 'setting'>>

function listen(server: Server, { host, port, setting }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => reject(listenError(error, { host, port, setting }))
    server.once('error', refuse)
    server.listen({ host, port }, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the HTTP server does not listen on a port')
  return address.port
}

function listenError(cause: NodeJS.ErrnoException, { host, port, setting }: Target): Error {
  switch (cause.code) {
    case 'EADDRINUSE':
      return new BaywireError(`${setting}: port ${port} of ${host} is in use`, {
        advice: `stop what listens there, or set ${setting} to another port (0 takes any free one)`,
        cause,
      })
    case 'EACCES':
      return new BaywireError(`${setting}: this user may not listen on port ${port}`, {
        advice: `set ${setting} to a port from 1024 on`,
        cause,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new BaywireError(`BAYWIRE_HOST: ${host} is no address of this machine`, {
        advice: 'set BAYWIRE_HOST to an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for all networks',
        cause,
      })
    default:
      return cause
  }
}

async function close(server: Server, waitMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const limit = setTimeout(() => server.closeAllConnections(), waitMs)
  await closed
  clearTimeout(limit)
}
