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
import {
  maySubscribe,
  parseUsername,
  usernameOf,
  type CredentialKey,
  type Identity,
  type OwnLimits,
  type Principal,
} from './access.ts'
import { ConnectGuard, type ConnectLimits, type Verdict } from './connect-guard.ts'
import { Connection, PacketTooLarge, type Allowance } from './connection.ts'
import type { Door, Receiver, RefusalReason } from './delivery.ts'
import { FanOut } from './fan-out.ts'
import { mostTopicBytes } from './frames.ts'
import type { Outlet, RetainedMessage } from './outlet.ts'
import { Publishes } from './publishes.ts'

export interface BrokerLimits extends ConnectLimits {
  payloadBytes: number
  /** Most bytes of a CONNECT: nobody is known before it. */
  connectBytes: number
  connections: number
  /** Connections that have not said who they are; of more, the oldest is ended. */
  strangers: number
  /** What one connection may send a second on average, by the kind of its client; four times that at once. */
  messagesPerS: Record<Principal['kind'], number>
  /** Publishes of one connection that may be unacknowledged. */
  inFlight: Record<Principal['kind'], number>
  subscriptions: number
  connectTimeoutMs: number
  /** A client's own keep alive is moved into these bounds. */
  keepaliveMinS: number
  keepaliveMaxS: number
  /** How long `close` waits for deliveries to be settled. */
  stopMs: number
}

const brokerLimits: BrokerLimits = {
  payloadBytes: 65_536,
  connectBytes: 4096,
  connections: 20_000,
  strangers: 4000,
  messagesPerS: { device: 50, gateway: 20_000, app: 50 },
  inFlight: { device: 20, gateway: 1000, app: 20 },
  subscriptions: 100,
  connectTimeoutMs: 10_000,
  keepaliveMinS: 10,
  keepaliveMaxS: 1200,
  failures: 10,
  failuresBlockMs: 60_000,
  connectsPerMinute: 15,
  connectsBlockMs: 300_000,
  stopMs: 8000,
}

export interface BrokerOptions {
  host: string
  /** 0 takes any free one. */
  port: number
  receiver: Receiver
  /** Undefined: wrong. Throws: cannot tell at the moment, the client may try again. */
  authenticate: (username: string, secret: Buffer) => Promise<Identity | undefined>
  limits?: Partial<BrokerLimits>
  clock: Clock
  /** Milliseconds of a clock that only goes forward, for limits and blocks. */
  monotonicMs?: () => number
  log: Log
}

export interface Broker extends Door, Outlet {
  readonly port: number
  /** Authenticated connections. */
  connections(): number
  /** Who is connected, and by which credential. */
  sessions(): Session[]
  /**
   * Ends the connection of a client whose rights ended; with `credential`, only where it is connected by that one. Nothing
   * of it is delivered any more: neither what waits to be read or committed, nor its last will.
   */
  disconnect(username: string, credential?: CredentialKey): void
  /** A client's own limits are others now. */
  limit(username: string, limits: OwnLimits): void
}

export interface Session {
  username: string
  credential: CredentialKey | undefined
}

type AuthenticateHandler = NonNullable<AedesOptions['authenticate']>
interface Credential {
  username: string | undefined
  secret: Buffer | undefined
}

const nothing: Buffer = Buffer.alloc(0)
/** More than the longest username there is. aedes asks only clients of MQTT 3.1. */
const maxClientsIdLength = 160
/** What a publish has around its payload. */
const publishHeadBytes = 2 + mostTopicBytes + 2
/** How many seconds' worth may come at once. */
const burstS = 4
/** Why aedes ends connections whose packets were in order. */
const silences = new Set(['keep alive timeout', 'connect did not arrive in time', 'drain timeout', 'connection closed'])
/** MQTT 3.1.1, 3.2.2.3. */
const connackCode = { identifierRejected: 2, serverUnavailable: 3, wrongCredential: 4 } as const
/** What a client is told, and what is counted. Whoever only came at a bad moment is told to come again. */
const refusals: Record<Exclude<Verdict<never>['kind'], 'granted'>, { code: number; reason: RefusalReason }> = {
  wrong: { code: connackCode.wrongCredential, reason: 'wrong_credential' },
  blocked: { code: connackCode.wrongCredential, reason: 'too_many_failures' },
  busy: { code: connackCode.serverUnavailable, reason: 'too_many_failures' },
  too_often: { code: connackCode.serverUnavailable, reason: 'too_many_connects' },
}

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const embedded = new EmbeddedBroker(options)
  await embedded.listen()
  return embedded
}

class EmbeddedBroker implements Broker {
  port = 0
  /** As long as this process: what is retained is kept in its memory. */
  readonly connection = 1
  readonly #options: BrokerOptions
  readonly #limits: BrokerLimits
  readonly #publishes: Publishes
  readonly #fanOut = new FanOut()
  readonly #aedes: Aedes
  readonly #server: Server
  readonly #guard: ConnectGuard
  readonly #now: () => number
  readonly #connections = new Set<Connection>()
  /** Those that have not said who they are, the oldest first. */
  readonly #strangers = new Set<Connection>()
  readonly #byUsername = new Map<string, Connection>()
  #held = false
  #closing = false

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#limits = { ...brokerLimits, ...options.limits }
    this.#now = options.monotonicMs ?? (() => performance.now())
    this.#guard = new ConnectGuard(this.#limits, this.#now)
    this.#publishes = new Publishes({ ...options, payloadBytes: this.#limits.payloadBytes })
    this.#aedes = this.#createAedes()
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#server.maxConnections = this.#limits.connections
  }

  async listen(): Promise<void> {
    await this.#aedes.listen()
    this.#fanOut.attach(this.#aedes)
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

  sessions(): Session[] {
    return Array.from(this.#byUsername, ([username, { identity }]) => ({ username, credential: identity?.credential }))
  }

  disconnect(username: string, credential?: CredentialKey): void {
    const connection = this.#byUsername.get(username)
    if (connection === undefined) return
    if (credential !== undefined && connection.identity?.credential?.id !== credential.id) return
    connection.revoked = true
    this.#options.receiver.refuse('credential_ended')
    connection.destroy()
  }

  limit(username: string, limits: OwnLimits): void {
    const identity = this.#byUsername.get(username)?.identity
    if (identity === undefined) return
    identity.limits = limits
    this.#byUsername.get(username)?.allow(this.#allowanceOf(identity))
  }

  onConnection(): void {
    // It is always the same one.
  }

  async publishRetained(messages: readonly RetainedMessage[], mayGoOn: () => boolean): Promise<void> {
    await this.#fanOut.publish(messages, mayGoOn)
  }

  hold(): void {
    this.#held = true
    for (const connection of this.#connections) connection.hold()
  }

  release(): void {
    if (this.#closing) return
    this.#held = false
    for (const connection of this.#connections) connection.release()
    // What waited in the first of them may be too much again: we are held from within then, and so must the others be.
    if (this.#isHeld()) this.hold()
  }

  #isHeld(): boolean {
    return this.#held
  }

  async close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.hold()
    this.#closing = true
    await this.#publishes.close(this.#limits.stopMs)
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    for (const connection of this.#connections) connection.destroy()
    await stopped
  }

  #createAedes(): Aedes {
    const aedes = new Aedes({
      connectTimeout: this.#limits.connectTimeoutMs,
      maxClientsIdLength,
      // Without a bound: one whose deliveries wait for a client would make those to all others wait.
      concurrency: 0,
      preConnect: (_client, packet, done) => {
        this.#adjust(packet)
        done(null, true)
      },
      authenticate: (client, username, secret, done) => {
        void this.#answer(client, { username, secret }, done)
      },
      authorizePublish: (client, packet, done) => this.#publish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => done(null, this.#grant(client, subscription)),
      authorizeForward: (client, packet) => this.#fanOut.forward(client, connectionOf(client), packet),
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
    const { payloadBytes, connectBytes } = this.#limits
    const connection = new Connection(socket, {
      limits: { connectBytes, packetBytes: payloadBytes + publishHeadBytes },
      now: this.#now,
      onTooLarge: () => this.#options.receiver.refuse('payload_too_large'),
    })
    this.#connections.add(connection)
    this.#strangers.add(connection)
    if (this.#held) connection.hold()
    connection.once('close', () => this.#forget(connection))
    this.#aedes.handle(connection)
    this.#boundStrangers()
  }

  /** Sockets that say nothing must not take the place of those that do: an honest client sends CONNECT at once. */
  #boundStrangers(): void {
    if (this.#strangers.size <= this.#limits.strangers) return
    for (const connection of this.#strangers) {
      this.#strangers.delete(connection)
      if (connection.introduced) continue
      connection.destroy()
      return
    }
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    this.#strangers.delete(connection)
    if (connection.identity === undefined) return
    const username = usernameOf(connection.identity)
    if (this.#byUsername.get(username) === connection) this.#byUsername.delete(username)
  }

  /** Sessions end with their connection, and a silent client is noticed whatever it asked for. */
  #adjust(packet: ConnectPacket): void {
    packet.clean = true
    packet.keepalive = boundKeepalive(packet.keepalive ?? 0, this.#limits)
  }

  async #answer(client: Client, credential: Credential, done: Parameters<AuthenticateHandler>[3]): Promise<void> {
    const returnCode = await this.#authenticate(client, credential)
    if (returnCode === 0) done(null, true)
    else done(Object.assign(new Error('connection refused'), { returnCode }), null)
  }

  /** The cheapest refusal first: only a well-formed name with its own client id costs a question. */
  async #authenticate(client: Client, { username = '', secret = nothing }: Credential): Promise<number> {
    if (Buffer.byteLength(client.id) > maxClientsIdLength) return this.#refuse('wrong_client_id')
    if (parseUsername(username) === undefined) return this.#refuse('wrong_credential')
    if (client.id !== username) return this.#refuse('wrong_client_id')
    const { authenticate, log } = this.#options
    const connection = connectionOf(client)
    try {
      const attempt = { address: connection.address, username, secret }
      const verdict = await this.#guard.judge(attempt, () => authenticate(username, secret))
      if (verdict.kind === 'granted') {
        connection.identity = verdict.identity
        this.#strangers.delete(connection)
        return 0
      }
      const { code, reason } = refusals[verdict.kind]
      this.#options.receiver.refuse(reason)
      return code
    } catch (error) {
      log.warn({ username, reason: describeError(error) }, 'cannot check a credential at the moment')
      return connackCode.serverUnavailable
    }
  }

  #refuse(reason: 'wrong_client_id' | 'wrong_credential'): number {
    this.#options.receiver.refuse(reason)
    return reason === 'wrong_client_id' ? connackCode.identifierRejected : connackCode.wrongCredential
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
    if (connection.identity === undefined) return
    const take = this.#publishes.directly(connection)
    connection.open(this.#allowanceOf(connection.identity), (publish) => {
      // Not in aedes' types; null once the client is gone. aedes does not see what keeps this client alive.
      ;(client as unknown as Record<'_keepaliveTimer', NodeJS.Timeout | null>)['_keepaliveTimer']?.refresh()
      return take(publish)
    })
  }

  #allowanceOf({ kind, limits }: Identity): Allowance {
    const perS = limits?.messagesPerS ?? this.#limits.messagesPerS[kind]
    return { rate: { perS, burst: perS * burstS }, inFlight: limits?.inFlight ?? this.#limits.inFlight[kind] }
  }

  #publish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    if (client === null) done(new Error('last will without a client'))
    // A last will is not a packet of its own, so it has no command.
    else if (packet.cmd !== 'publish') this.#publishes.takeWill(connectionOf(client), packet, done)
    else this.#publishes.take(connectionOf(client), packet, done)
  }

  #grant(client: Client, subscription: Subscription): Subscription | null {
    const { identity } = connectionOf(client)
    if (identity === undefined || !maySubscribe(identity, subscription.topic)) {
      this.#options.receiver.refuse('foreign_subscription')
      return null
    }
    const { subscriptions } = client as unknown as { subscriptions: Record<string, unknown> }
    // Not in aedes' types. An app may name any site and space, so the names alone are no bound.
    if (subscriptions[subscription.topic] !== undefined) return subscription
    if (Object.keys(subscriptions).length < this.#limits.subscriptions) return subscription
    this.#options.receiver.refuse('too_many_subscriptions')
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

/** In seconds; 0, which asks for none, becomes the longest there is. */
export function boundKeepalive(
  requested: number,
  { keepaliveMinS, keepaliveMaxS }: Pick<BrokerLimits, 'keepaliveMinS' | 'keepaliveMaxS'>,
): number {
  return Math.min(Math.max(requested || keepaliveMaxS, keepaliveMinS), keepaliveMaxS)
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
