/**
 * The embedded broker: aedes behind our own door. It guarantees that PUBACK leaves only after the receiver
 * acknowledged, that nobody publishes or subscribes outside of its rights, and that what one client does
 * costs another nothing. MQTT 3.1.1. Sessions end with their connection: nothing is queued for a client
 * that is away.
 */
import type { EventEmitter } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes, type AedesOptions, type Client, type ConnectPacket, type PublishPacket, type Subscription } from 'aedes'
import type { Clock } from '../clock.ts'
import { BaywireError, describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { maySubscribe, parseUsername, usernameOf, type Principal } from './access.ts'
import { Connection, PacketTooLarge } from './connection.ts'
import type { Door, Receiver } from './delivery.ts'
import { Publishes } from './publishes.ts'

export interface BrokerLimits {
  payloadBytes: number
  packetBytes: number
  /** Most bytes of a CONNECT: nobody is known before it. */
  connectBytes: number
  connections: number
  /** Publishes of one connection that may be unacknowledged, by the kind of its client. */
  inFlight: Record<Principal['kind'], number>
  connectTimeoutMs: number
  /** A client's own keep alive is moved into these bounds. */
  keepaliveMinS: number
  keepaliveMaxS: number
  /** How long `close` waits for deliveries to be settled. */
  stopMs: number
}

const brokerLimits: BrokerLimits = {
  payloadBytes: 65_536,
  packetBytes: 262_144,
  connectBytes: 4096,
  connections: 20_000,
  inFlight: { device: 20, gateway: 1000, app: 20 },
  connectTimeoutMs: 10_000,
  keepaliveMinS: 10,
  keepaliveMaxS: 1200,
  stopMs: 8000,
}

export interface BrokerOptions {
  host: string
  /** 0 takes any free one. */
  port: number
  receiver: Receiver
  /** Undefined: wrong. Throws: cannot tell at the moment, the client may try again. */
  authenticate: (username: string, secret: Buffer) => Promise<Principal | undefined>
  limits?: Partial<BrokerLimits>
  clock: Clock
  log: Log
}

export interface Broker extends Door {
  readonly port: number
  /** Authenticated connections. */
  connections(): number
  /** Ends the connection of a client whose rights ended; its last will does not count. */
  disconnect(username: string): void
}

type AuthenticateHandler = NonNullable<AedesOptions['authenticate']>
interface Credential {
  username: string | undefined
  secret: Buffer | undefined
}

const nothing: Buffer = Buffer.alloc(0)
/** The longest username there is; aedes asks only clients of MQTT 3.1. */
const maxClientsIdLength = 160
/** Why aedes ends connections whose packets were in order. */
const silences = new Set(['keep alive timeout', 'connect did not arrive in time', 'drain timeout', 'connection closed'])
/** MQTT 3.1.1, 3.2.2.3. */
const connackCode = { identifierRejected: 2, serverUnavailable: 3, wrongCredential: 4 } as const

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const embedded = new EmbeddedBroker(options)
  await embedded.listen()
  return embedded
}

class EmbeddedBroker implements Broker {
  port = 0
  readonly #options: BrokerOptions
  readonly #limits: BrokerLimits
  readonly #publishes: Publishes
  readonly #aedes: Aedes
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #byUsername = new Map<string, Connection>()
  #held = false

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#limits = { ...brokerLimits, ...options.limits }
    this.#publishes = new Publishes({ ...options, payloadBytes: this.#limits.payloadBytes })
    this.#aedes = this.#createAedes()
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#server.maxConnections = this.#limits.connections
  }

  async listen(): Promise<void> {
    await this.#aedes.listen()
    const { host, port, log } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => resolve())
    }).catch((error: unknown) => {
      this.#aedes.close()
      throw explainListenError(error, this.#options)
    })
    this.#server.on('error', (error) => log.error({ err: error }, 'broker cannot accept connections'))
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) this.port = address.port
  }

  connections(): number {
    return this.#byUsername.size
  }

  disconnect(username: string): void {
    const connection = this.#byUsername.get(username)
    if (connection === undefined) return
    connection.revoked = true
    connection.destroy()
  }

  hold(): void {
    this.#held = true
    for (const connection of this.#connections) connection.hold()
  }

  release(): void {
    this.#held = false
    for (const connection of this.#connections) connection.release()
  }

  async close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.hold()
    await this.#publishes.close(this.#limits.stopMs)
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    for (const connection of this.#connections) connection.destroy()
    await stopped
  }

  #createAedes(): Aedes {
    const aedes = new Aedes({
      connectTimeout: this.#limits.connectTimeoutMs,
      maxClientsIdLength,
      preConnect: (_client, packet, done) => {
        this.#adjust(packet)
        done(null, true)
      },
      authenticate: (client, username, secret, done) => {
        void this.#answer(client, { username, secret }, done)
      },
      authorizePublish: (client, packet, done) => this.#publish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => done(null, this.#grant(client, subscription)),
    })
    aedes.on('client', (client) => this.#register(client))
    aedes.on('clientReady', (client) => this.#open(client))
    aedes.on('clientError', (_client, error) => this.#count(error))
    aedes.on('connectionError', (_client, error) => this.#count(error))
    // Not in aedes' types. Nothing of ours leads here; without a listener it would end the process.
    ;(aedes as EventEmitter).on('error', (error) => this.#options.log.error({ err: error }, 'broker error'))
    return aedes
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this.#limits)
    this.#connections.add(connection)
    if (this.#held) connection.hold()
    connection.once('close', () => {
      this.#connections.delete(connection)
      const { principal } = connection
      if (principal === undefined) return
      const username = usernameOf(principal)
      if (this.#byUsername.get(username) === connection) this.#byUsername.delete(username)
    })
    this.#aedes.handle(connection)
  }

  /** Sessions end with their connection, and a silent client is noticed whatever it asked for. */
  #adjust(packet: ConnectPacket): void {
    const { keepaliveMinS, keepaliveMaxS } = this.#limits
    packet.clean = true
    packet.keepalive = Math.min(Math.max(packet.keepalive || keepaliveMaxS, keepaliveMinS), keepaliveMaxS)
  }

  async #answer(client: Client, credential: Credential, done: Parameters<AuthenticateHandler>[3]): Promise<void> {
    const returnCode = await this.#authenticate(client, credential)
    if (returnCode === 0) done(null, true)
    else done(Object.assign(new Error('connection refused'), { returnCode }), null)
  }

  /** The cheapest refusal first: only a well-formed name with its own client id costs a question. */
  async #authenticate(client: Client, { username = '', secret = nothing }: Credential): Promise<number> {
    const { receiver, authenticate, log } = this.#options
    if (parseUsername(username) === undefined) {
      receiver.refuse('wrong_credential')
      return connackCode.wrongCredential
    }
    if (client.id !== username) {
      receiver.refuse('wrong_client_id')
      return connackCode.identifierRejected
    }
    try {
      const principal = await authenticate(username, secret)
      if (principal !== undefined) {
        connectionOf(client).principal = principal
        return 0
      }
    } catch (error) {
      log.warn({ username, reason: describeError(error) }, 'cannot check a credential at the moment')
      return connackCode.serverUnavailable
    }
    receiver.refuse('wrong_credential')
    return connackCode.wrongCredential
  }

  /** Before CONNACK, so that a client that knows it is connected can be found here. */
  #register(client: Client): void {
    const connection = connectionOf(client)
    if (connection.destroyed) return
    const earlier = this.#byUsername.get(client.id)
    this.#byUsername.set(client.id, connection)
    // aedes has ended it already, except where it was itself still taking over from another.
    if (earlier !== connection) earlier?.destroy()
  }

  #open(client: Client): void {
    const connection = connectionOf(client)
    if (connection.principal !== undefined) connection.open(this.#limits.inFlight[connection.principal.kind])
  }

  #publish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    if (client === null) done(new Error('last will without a client'))
    // A last will is not a packet of its own, so it has no command.
    else if (packet.cmd !== 'publish') this.#publishes.takeWill(connectionOf(client), packet, done)
    else this.#publishes.take(connectionOf(client), packet, done)
  }

  #grant(client: Client, subscription: Subscription): Subscription | null {
    const { principal } = connectionOf(client)
    if (principal !== undefined && maySubscribe(principal, subscription.topic)) return subscription
    this.#options.receiver.refuse('foreign_subscription')
    return null
  }

  #count(error: Error & { code?: string; errorCode?: number }): void {
    const { receiver, log } = this.#options
    log.debug({ reason: describeError(error) }, 'connection ended')
    if (error instanceof PacketTooLarge) receiver.refuse('payload_too_large')
    else if (error.code === undefined && error.errorCode === undefined && !silences.has(error.message)) {
      receiver.refuse('malformed_packet')
    }
  }
}

function connectionOf(client: Client): Connection {
  if (client.conn instanceof Connection) return client.conn
  throw new Error('a client of another door')
}

function explainListenError(error: unknown, { host, port }: BrokerOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new BaywireError(`BAYWIRE_MQTT_PORT: port ${port} on ${host} is already in use`, {
      advice: 'stop the program that listens there, or set BAYWIRE_MQTT_PORT to another port (0 takes any free one)',
    })
  }
  if (code === 'EACCES') {
    return new BaywireError(`BAYWIRE_MQTT_PORT: port ${port} may not be opened by this user`, {
      advice: 'set BAYWIRE_MQTT_PORT to a port above 1023',
    })
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new BaywireError(`BAYWIRE_HOST: ${host} is not an address of this machine`, {
      advice: 'set BAYWIRE_HOST to 127.0.0.1, or to 0.0.0.0 for all addresses',
    })
  }
  return error
}
