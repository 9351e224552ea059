import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Log } from '../log.ts'
import type { Api } from './app.ts'
import type { Connection } from './connection.ts'
import { answerUnroutable } from './unroutable.ts'

/** Messages to us are short. */
const MESSAGE_BYTES = 4096
const MESSAGE_FRAGMENTS = 16
/** What has arrived in pieces and was not looked at yet. */
const BUFFERED_CHUNKS = 1024
/** For the other end to answer a close. */
const CLOSE_WAIT_MS = 2000

export interface UpgradeOptions {
  app: Pick<Api, 'fetch'>
  log: Log
}

export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/**
 * Requests that ask for another protocol. They go through the API as all others do, with its limits and problems; where a route
 * wants to converse, the connection becomes a WebSocket.
 */
export function acceptUpgrades({ app, log }: UpgradeOptions): OnUpgrade {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES,
    maxFragments: MESSAGE_FRAGMENTS,
    maxBufferedChunks: BUFFERED_CHUNKS,
    closeTimeout: CLOSE_WAIT_MS,
  } as ConstructorParameters<typeof WebSocketServer>[0])
  return (incoming, socket, head) => {
    const onError = () => socket.destroy()
    socket.on('error', onError)
    const connection: Connection = { incoming, upgrade: true }
    const begin = (converse: NonNullable<Connection['converse']>) =>
      sockets.handleUpgrade(incoming, socket, head, (opened) => {
        socket.off('error', onError)
        converse(opened, socket)
      })
    void upgrade(app, { connection, log, socket, begin })
  }
}

interface Upgrading {
  connection: Connection
  log: Log
  socket: Duplex
  begin: (converse: NonNullable<Connection['converse']>) => void
}

async function upgrade(app: Pick<Api, 'fetch'>, { connection, log, socket, begin }: Upgrading): Promise<void> {
  const response = await answerOf(app, { connection, log })
  const { converse } = connection
  if (converse === undefined || !response.ok) await answer(socket, response)
  else begin(converse)
}

async function answerOf(
  app: Pick<Api, 'fetch'>,
  { connection, log }: Pick<Upgrading, 'connection' | 'log'>,
): Promise<Response> {
  try {
    return await app.fetch(requestOf(connection.incoming), connection)
  } catch (error) {
    return answerUnroutable(error instanceof TypeError, { error, log })
  }
}

/** Without its body: who asks for another protocol in a request that has one is answered as if it had none. */
function requestOf(incoming: IncomingMessage | undefined): Request {
  const { url = '/', method = 'GET', headers = {} } = incoming ?? {}
  if (!url.startsWith('/')) throw new TypeError('no path')
  const target = new URL(`http://${headers.host ?? ''}${url}`)
  const sent = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  )
  return new Request(target, { method, headers: sent })
}

async function answer(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  response.headers.set('Content-Length', String(body.length))
  response.headers.set('Connection', 'close')
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n${lines}\r\n`
  socket.end(Buffer.concat([Buffer.from(head), body]))
}
