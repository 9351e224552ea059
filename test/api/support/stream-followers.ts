import { once } from 'node:events'
import { get, type ClientRequest, type IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { eventually } from '../../support/program.ts'

/** One block of an event stream, as it arrived. */
export interface Heard {
  id: string | undefined
  event: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- a test says itself what it expects
  data: any
}

export interface FollowOptions {
  token: string
  /** Below /api/v1. */
  path?: string
  query?: string
  lastEventId?: string | undefined
  headers?: Record<string, string>
}

/** Reads server-sent events from a real connection, as a client that keeps the last id. */
export class SseFollower {
  readonly heard: Heard[] = []
  /** The last id that came, in an event or without one. */
  lastId: string | undefined
  status = 0
  closed = false
  response: IncomingMessage | undefined
  readonly #request: ClientRequest
  #text = ''

  constructor(port: number, { token, path = '/events', query = '', lastEventId, headers = {} }: FollowOptions) {
    this.lastId = lastEventId
    const sent = { Authorization: `Bearer ${token}`, ...headers }
    this.#request = get({
      port,
      host: '127.0.0.1',
      path: `/api/v1${path}${query}`,
      agent: false,
      headers: { ...sent, ...(lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }) },
    })
    this.#request.on('error', () => (this.closed = true))
    this.#request.on('response', (response) => {
      this.response = response
      this.status = response.statusCode ?? 0
      response.setEncoding('utf8').on('data', (text: string) => this.#take(text))
      response.on('error', () => {})
      response.on('close', () => (this.closed = true))
    })
  }

  /** Once it has heard that it has all that there is. */
  async live(): Promise<this> {
    await eventually('an open stream', () => this.status !== 0 && this.lastId !== undefined)
    return this
  }

  async opened(): Promise<this> {
    await eventually('an answer', () => this.status !== 0 || this.closed)
    return this
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id ?? '')
  }

  /** Those of spaces. */
  get events(): Heard[] {
    return this.heard.filter(({ event }) => !['reset', 'session_expiring', 'end'].includes(event ?? 'end'))
  }

  of(kind: string): Heard[] {
    return this.heard.filter(({ event }) => event === kind)
  }

  async count(count: number, withinMs = 20_000): Promise<void> {
    await eventually(`${count} events`, () => this.events.length >= count, { withinMs })
  }

  async ended(withinMs = 20_000): Promise<void> {
    await eventually('the end of the stream', () => this.closed, { withinMs })
  }

  close(): void {
    this.#request.destroy()
  }

  #take(text: string): void {
    this.#text += text
    const blocks = this.#text.split('\n\n')
    this.#text = blocks.pop() ?? ''
    for (const block of blocks) this.#block(block)
  }

  #block(block: string): void {
    const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]))
    const id = fields.get('id')
    if (id !== undefined) this.lastId = id
    const data = fields.get('data')
    if (data !== undefined) this.heard.push({ id, event: fields.get('event'), data: JSON.parse(data) })
  }
}

export interface Said {
  type: string
  // oxlint-disable-next-line typescript/no-explicit-any -- a test says itself what it expects
  [field: string]: any
}

/** The same over a WebSocket. */
export class SocketFollower {
  readonly heard: Said[] = []
  readonly socket: WebSocket
  closeCode: number | undefined

  constructor(port: number, ticket: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/ws?ticket=${ticket}`, { headers })
    this.socket.on('message', (data) => this.heard.push(JSON.parse((data as Buffer).toString()) as Said))
    this.socket.on('close', (code) => (this.closeCode = code))
    this.socket.on('error', () => {})
  }

  async opened(): Promise<this> {
    await once(this.socket, 'open')
    return this
  }

  /** The status of the answer to one who is not let in. */
  async refused(): Promise<number> {
    const [, response] = (await once(this.socket, 'unexpected-response')) as [unknown, IncomingMessage]
    return response.statusCode ?? 0
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  async subscribe(room: string, since?: string): Promise<void> {
    this.say({ type: 'subscribe', room, ...(since === undefined ? {} : { since }) })
    await eventually('subscribed', () => this.of('subscribed').some((said) => said['room'] === room.toLowerCase()))
  }

  of(type: string): Said[] {
    return this.heard.filter((said) => said.type === type)
  }

  get ids(): string[] {
    return this.of('event').map((said) => String(said['event'].id))
  }

  async count(count: number, withinMs = 20_000): Promise<void> {
    await eventually(`${count} events`, () => this.ids.length >= count, { withinMs })
  }

  async ended(withinMs = 20_000): Promise<number> {
    return await eventually('the end', () => this.closeCode, { withinMs })
  }

  close(): void {
    this.socket.terminate()
  }
}
