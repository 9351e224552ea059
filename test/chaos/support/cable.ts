import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Told of what passes, before it is handed on. A `link` is one connection, by its number. */
export interface Tap {
  onRequest?(link: number, bytes: Buffer): void
  onAnswer?(link: number, bytes: Buffer): void
  /** Of what `loseAnswers` loses. */
  onLostAnswer?(link: number, bytes: Buffer): void
}

interface Link {
  number: number
  /** Who connected to the cable. */
  client: Socket
  /** What the cable connected to. */
  server: Socket
  silent: boolean
}

interface CableOptions {
  tap?: Tap
  /** Where it listens: loopback, or an address of a network namespace that the test made. */
  host?: string
}

/**
 * The network between a client and a server, with its faults: answers lost, everything held back (a partition that
 * heals: TCP sends again what was lost), a connection that stays open and says nothing any more, answers that are late.
 */
export class Cable {
  readonly port: number
  /** How late answers are. To be set before there are any: what is under way would be overtaken. */
  answerDelayMs = 0
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly #tap: Tap
  #joined = 0
  #losesFrom: ((bytes: Buffer) => boolean) | undefined
  #losing = false
  #held = false

  private constructor(server: Server, port: number, tap: Tap) {
    this.#server = server
    this.port = port
    this.#tap = tap
  }

  static async to(target: number, { tap = {}, host = '127.0.0.1' }: CableOptions = {}): Promise<Cable> {
    const server = createServer()
    server.listen(0, host)
    await once(server, 'listening')
    const cable = new Cable(server, (server.address() as AddressInfo).port, tap)
    server.on('connection', (client) => cable.#join(client, connect({ host: '127.0.0.1', port: target })))
    return cable
  }

  get links(): number {
    return this.#links.size
  }

  /** How many connections were made so far. */
  get joined(): number {
    return this.#joined
  }

  /** From now on no answer arrives, until `cut`; or from the first one on that is as described. */
  loseAnswers(from: (bytes: Buffer) => boolean = () => true): void {
    this.#losesFrom = from
  }

  /** Nothing passes either way, nor is anybody told, until `release`; then all of it does. New connections wait too. */
  hold(): void {
    this.#held = true
    for (const { client, server } of this.#links) for (const socket of [client, server]) socket.pause()
  }

  release(): void {
    this.#held = false
    for (const { client, server } of this.#links) for (const socket of [client, server]) socket.resume()
  }

  /** The connections that there are stay open and are dead: nothing passes any more. Those that are made anew work. */
  fallSilent(): void {
    for (const link of this.#links) link.silent = true
  }

  /** Ends all connections; those that are made anew work. */
  cut(): void {
    for (const { client, server } of this.#links) for (const socket of [client, server]) socket.destroy()
    this.#losing = false
    this.#losesFrom = undefined
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(client: Socket, server: Socket): void {
    const link: Link = { number: this.#joined++, client, server, silent: false }
    this.#links.add(link)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true)
      if (this.#held) socket.pause()
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#links.delete(link)
        // Of a dead connection the client does not hear that the server has ended it; the server's keepalive works.
        if (!link.silent || socket === client) other.destroy()
      })
    }
    client.on('data', (bytes) => {
      this.#tap.onRequest?.(link.number, bytes)
      if (!link.silent) handOn(client, server, bytes)
    })
    server.on('data', (bytes) => {
      if (this.answerDelayMs === 0) this.#answer(link, bytes)
      else setTimeout(() => this.#answer(link, bytes), this.answerDelayMs)
    })
  }

  #answer(link: Link, bytes: Buffer): void {
    this.#losing ||= this.#losesFrom?.(bytes) ?? false
    if (this.#losing) this.#tap.onLostAnswer?.(link.number, bytes)
    if (this.#losing || link.silent || link.client.destroyed) return
    this.#tap.onAnswer?.(link.number, bytes)
    handOn(link.server, link.client, bytes)
  }
}

/** Whoever sends faster than the other reads waits for it. */
function handOn(from: Socket, to: Socket, bytes: Buffer): void {
  if (to.write(bytes) || to.listenerCount('drain') > 0) return
  from.pause()
  to.once('drain', () => from.resume())
}
