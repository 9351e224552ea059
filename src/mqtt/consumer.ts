/**
 * A client of an external broker: MQTT 5 with a session that outlives us, so that the broker keeps what we
 * have not acknowledged. Its PUBACKs are ours alone to send, after the commit, many at once.
 *
 * mqtt.js connects, subscribes and keeps the connection alive; what is published to us is taken from the connection before
 * it comes to mqtt.js, and PUBACKs are written to it (incoming.ts).
 * Packet ids belong to a network connection: an acknowledgement for an earlier one is dropped, the broker has
 * delivered the message again by then.
 *
 * Several consumers divide the readings among themselves through a shared subscription. The broker gives each message
 * to one session and to no other, also when nobody is connected to it: what a consumer that is away was given waits
 * for it, and is lost with its session. So one that will not come back has to `leave`.
 */
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { MqttClient, type IClientOptions } from 'mqtt'
import type { Clock } from '../clock.ts'
import { BaywireError, describeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { OrderedAcknowledgements } from './acknowledgements.ts'
import { brokerAddress, brokerName, connectFailure, type ConnectFailure } from './address.ts'
import type { Door, Receiver } from './delivery.ts'
import type { Publish } from './frames.ts'
import { Incoming } from './incoming.ts'
import { InFlight, type Settling } from './in-flight.ts'
import { drainedTopic } from './mosquitto-rules.ts'
import type { Outlet, RetainedMessage } from './outlet.ts'
import { Publications } from './publications.ts'
import { inGroup, sessionSubscriptions } from './subscriptions.ts'
import type { Subscription } from './topics.ts'

export interface ConsumerOptions {
  url: string
  /** The session's name: the same at each start, and no other process's. */
  clientId: string
  /** Messages that the broker may have in flight to us, unacknowledged. */
  receiveMaximum: number
  subscriptions?: readonly Subscription[]
  /**
   * The group that divides what is divisible; without it each consumer is sent everything. Mosquitto lets anybody into a
   * group whose name he knows, and gives him a share that he may not read: the name is a secret.
   */
  shareGroup?: string | undefined
  /** A group that the session may still be in. */
  leftGroup?: string | undefined
  receiver: Receiver
  /** Told before it connects: what waits for the session comes ahead of everything else, and the door may have to be held. */
  onDoor?: (door: Door) => void
  onState: (state: { connected: boolean; detail: string }) => void
  retryMinMs: number
  retryMaxMs: number
  payloadBytes?: number
  /** How long `close` waits for deliveries to be settled. */
  stopMs?: number
  keepaliveS?: number
  clock: Clock
  log: Log
}

export interface Consumer extends Door, Outlet {
  connected(): boolean
  /**
   * For good: takes no part in what is published from now on, waits until all that the broker kept for the session is
   * settled, however long that takes, and ends the session. Rejects when the broker refuses it.
   */
  leave(): Promise<void>
}

const connectTimeoutMs = 10_000
const defaultKeepaliveS = 60
/** How long the broker keeps what arrives for us while we are away. */
const sessionExpiryS = 7 * 24 * 3600
const defaultPayloadBytes = 65_536
const defaultStopMs = 8000
/** How long a broker has to answer that we go. */
const goodbyeMs = 2000
/** MQTT 5, 3.14.2.1. */
const sessionTakenOver = 142
/** MQTT 5, 3.11.3. */
const noSubscriptionExisted = 17

/** Resolves when subscribed. Fails when the first connection does; later ones are tried for ever. */
export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const consumer = new ExternalConsumer(options)
  options.onDoor?.(consumer)
  await consumer.start()
  return consumer
}

class ExternalConsumer implements Consumer {
  readonly #options: ConsumerOptions
  readonly #name: string
  readonly #client: MqttClient
  readonly #inFlight = new InFlight()
  /** Of the newest network connection. */
  #connection: Connection | undefined
  readonly #publications: Publications
  #connections = 0
  readonly #onConnection = new Set<() => void>()
  #state: 'starting' | 'ready' | 'lost' | 'closing' = 'starting'
  #held = false
  #pinging: NodeJS.Timeout | undefined
  #leaving: { drained: () => void; refused: (error: unknown) => void } | undefined
  #lastError: Error | undefined

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#name = brokerName(options.url)
    this.#client = new MqttClient(() => this.#connect(), clientOptions(options))
    this.#publications = new Publications(this.#client)
  }

  async start(): Promise<void> {
    const client = this.#client
    client.on('error', (error) => (this.#lastError = error))
    client.on('disconnect', ({ reasonCode }) => (this.#lastError = endedByBroker(reasonCode, this.#options)))
    try {
      await new Promise<void>((resolve, reject) => {
        client.on('connect', ({ sessionPresent, properties }) => {
          this.#publications.bound(properties?.receiveMaximum)
          this.#subscribe(sessionPresent).then(resolve, (error: unknown) => {
            this.#lastError = new Error(`subscribing was refused: ${describeError(error)}`)
            client.stream.destroy()
          })
        })
        client.on('close', () => this.#lost(reject))
      })
    } catch (error) {
      clearInterval(this.#pinging)
      await client.endAsync(true)
      throw error
    }
  }

  connected(): boolean {
    return this.#state === 'ready'
  }

  get connection(): number | undefined {
    return this.#state === 'ready' ? this.#connections : undefined
  }

  onConnection(changed: () => void): void {
    this.#onConnection.add(changed)
  }

  /** On the connection that it consumes from: Mosquitto lets a user connect once. */
  async publishRetained(messages: readonly RetainedMessage[], mayGoOn: () => boolean): Promise<void> {
    const { connection } = this
    await this.#publications.publish(
      messages,
      () => connection !== undefined && this.connection === connection && mayGoOn(),
    )
  }

  /**
   * The broker's answers to our pings wait behind what is held. So that neither side takes the other for dead, pings go on and
   * their answers are not waited for.
   */
  hold(): void {
    if (this.#state === 'closing') return
    this.#held = true
    this.#connection?.stream.hold()
    const { keepaliveS = defaultKeepaliveS } = this.#options
    this.#pinging ??= setInterval(() => {
      if (!this.#client.connected) return
      this.#client.sendPing()
      this.#client.reschedulePing(true)
    }, keepaliveS * 500)
  }

  release(): void {
    this.#held = false
    clearInterval(this.#pinging)
    this.#pinging = undefined
    this.#connection?.stream.release()
  }

  async close(): Promise<void> {
    this.#state = 'closing'
    this.release()
    await this.#inFlight.emptyWithin(this.#options.stopMs ?? defaultStopMs)
    this.#connection?.acknowledgements.finish()
    const ended = this.#client.endAsync(!this.#client.connected)
    // One that is frozen, or cut off, would be waited for without end.
    const patience = new AbortController()
    await Promise.race([ended, pause(goodbyeMs, undefined, { signal: patience.signal }).catch(() => {})])
    patience.abort()
    this.#connection?.stream.destroy()
  }

  async leave(): Promise<void> {
    const left = new Promise<void>((resolve, reject) => (this.#leaving = { drained: resolve, refused: reject }))
    // Where the connection is lost meanwhile, the next one asks again.
    if (this.#client.connected) this.#askForTheRest()
    await left
    this.#state = 'closing'
    await this.#client.endAsync(false, { properties: { sessionExpiryInterval: 0 } })
  }

  async #subscribe(sessionPresent: boolean): Promise<void> {
    if (this.#leaving !== undefined) {
      this.#askForTheRest()
      return
    }
    const { onState, retryMinMs, log } = this.#options
    const lost = sessionPresent ? await this.#subscribeAgain() : await this.#subscribeAnew()
    if (this.#state === 'closing') return
    if (lost !== undefined) log.warn(`${this.#name} ${lost}: what was published to it in the meantime did not reach us`)
    log.info({ sessionPresent }, `consuming from ${this.#name}`)
    this.#state = 'ready'
    this.#connections += 1
    this.#client.options.reconnectPeriod = retryMinMs
    onState({ connected: true, detail: `connected to ${this.#name}` })
    for (const changed of this.#onConnection) changed()
  }

  /** Both answer what the broker has forgotten, if it has; then there is something that it did not keep for us. */
  async #subscribeAnew(): Promise<string | undefined> {
    await this.#subscribeAll()
    return this.#state === 'lost' ? 'has forgotten our session' : undefined
  }

  async #subscribeAgain(): Promise<string | undefined> {
    const sentinel = this.#sentinel()
    const [kept] = sentinel === undefined ? [] : await this.#unsubscribe([sentinel])
    await this.#subscribeAll()
    const { others } = sessionSubscriptions(this.#options)
    // Those of an earlier setting, after the new ones: what comes by both comes twice and counts once.
    const left = others.length > 0 ? await this.#unsubscribe(others) : []
    const joinsNow = left.some((code) => code !== noSubscriptionExisted)
    return kept === noSubscriptionExisted && !joinsNow ? 'has forgotten who shares, as at a restart' : undefined
  }

  async #subscribeAll(): Promise<void> {
    const request = sessionSubscriptions(this.#options).wanted.map(
      ({ filter, retained }) => [filter, { qos: 1, rh: retained === 'always' ? 0 : 1 }] as const,
    )
    const sentinel = this.#sentinel()
    if (sentinel !== undefined) request.push([sentinel, { qos: 1, rh: 1 }])
    await this.#client.subscribeAsync(Object.fromEntries(request))
  }

  /** Answers a reason code for each. */
  async #unsubscribe(filters: string[]): Promise<readonly number[]> {
    const packet = await this.#client.unsubscribeAsync(filters)
    return packet?.cmd === 'unsuback' ? packet.granted : []
  }

  /**
   * A shared subscription to what nobody publishes. Mosquitto 2.0.11 keeps sessions over a restart, but not their
   * shared subscriptions; whether it still has ours is answered when this one is taken back.
   */
  #sentinel(): string | undefined {
    const { shareGroup } = this.#options
    return shareGroup === undefined ? undefined : inGroup(shareGroup, this.#marker())
  }

  /** Nothing new; and behind all that waits a message to ourselves, which says that it was the last. */
  #askForTheRest(): void {
    const { wanted, others } = sessionSubscriptions(this.#options)
    const filters = [...wanted.map(({ filter }) => filter), ...others, this.#sentinel() ?? []].flat()
    const connection = this.#connection
    const marker = this.#marker()
    const asked = this.#unsubscribe(filters)
      .then(() => this.#client.subscribeAsync(marker, { qos: 1 }))
      .then(() => this.#client.publishAsync(marker, '', { qos: 1 }))
    asked.catch((error: unknown) => {
      // With a reason code the broker has said no, and perhaps ended the connection over it. Otherwise it is lost.
      const refused = error instanceof Error && 'code' in error && typeof error.code === 'number'
      if (refused || (connection === this.#connection && this.#client.connected)) this.#leaving?.refused(error)
    })
  }

  /** The marker has come: all that waited is handed over. On a later connection what is not settled comes again. */
  async #drained(connection: Connection): Promise<void> {
    await this.#inFlight.empty()
    if (connection === this.#connection) this.#leaving?.drained()
  }

  #marker(): string {
    const { username } = brokerAddress(this.#options.url)
    return drainedTopic(username ?? this.#options.clientId)
  }

  /** mqtt.js has set its timer for the next attempt already; the pause is for the one after it. */
  #lost(rejectStart: (error: BaywireError) => void): void {
    this.#publications.forget()
    const failure = connectFailure(this.#lastError)
    this.#lastError = undefined
    if (this.#state === 'closing') return
    if (this.#state === 'starting') {
      rejectStart(explainStartFailure(this.#name, failure))
      return
    }
    const { onState, retryMinMs, retryMaxMs, log } = this.#options
    if (this.#state === 'ready') log.warn({ reason: failure.reason }, `lost ${this.#name}; trying again`)
    this.#state = 'lost'
    this.#client.options.reconnectPeriod = Math.min(
      (this.#client.options.reconnectPeriod ?? retryMinMs) * 2,
      retryMaxMs,
    )
    onState({ connected: false, detail: `${this.#name}: ${failure.reason}` })
    for (const changed of this.#onConnection) changed()
  }

  #connect(): Incoming {
    const connection = new Connection(openSocket(this.#options.url), (publish) => this.#take(publish, connection))
    this.#connection = connection
    if (this.#held) connection.stream.hold()
    return connection.stream
  }

  #take({ topic, payload, qos, retain, dup, messageId }: Publish, connection: Connection): void {
    // Left unacknowledged: it will be delivered again.
    if (connection !== this.#connection || this.#state === 'closing') return
    const { receiver, clock, payloadBytes = defaultPayloadBytes } = this.#options
    if (qos > 0) connection.acknowledgements.expect(messageId)
    if (this.#leaving !== undefined && topic === this.#marker()) {
      connection.acknowledge(messageId)
      void this.#drained(connection)
    } else if (payload.length > payloadBytes) {
      receiver.refuse('payload_too_large')
      connection.acknowledge(messageId)
    } else {
      const delivered = { topic, payload, receivedAtMs: clock.now(), retained: retain, duplicate: dup }
      receiver.receive(this.#inFlight.track(delivered, connection, messageId))
    }
  }
}

/** One network connection. What is acknowledged on it after it was lost goes nowhere. */
class Connection implements Settling {
  readonly stream: Incoming
  readonly acknowledgements: OrderedAcknowledgements

  constructor(socket: Socket, onPublish: (publish: Publish) => void) {
    this.stream = new Incoming(socket, onPublish)
    // By the same way as the packets of mqtt.js, which are written in pieces: never into the middle of one.
    this.acknowledgements = new OrderedAcknowledgements((packets) => {
      if (this.stream.writable) this.stream.write(packets)
    })
  }

  acknowledge(messageId: number): void {
    // QoS 0 has none.
    if (messageId > 0) this.acknowledgements.add(messageId)
  }

  giveUp(): void {
    this.stream.destroy()
  }
}

function openSocket(url: string): Socket {
  const { protocol, host = 'localhost', port = 0 } = brokerAddress(url)
  if (protocol === 'mqtt') return connectSocket({ host, port })
  return connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) })
}

/** The session at the broker belongs to this name: whoever is to find it again must come under it. */
export function consumerClientId(instance: string): string {
  return `baywire-${instance}`
}

function clientOptions({
  url,
  clientId,
  receiveMaximum,
  retryMinMs,
  keepaliveS = defaultKeepaliveS,
}: ConsumerOptions): IClientOptions {
  return {
    ...brokerAddress(url),
    clientId,
    protocolVersion: 5,
    clean: false,
    properties: { receiveMaximum, sessionExpiryInterval: sessionExpiryS },
    keepalive: keepaliveS,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: retryMinMs,
    reconnectOnConnackError: true,
    // Ours to do, at each connection: only then does the broker send retained presence again.
    resubscribe: false,
  }
}

function endedByBroker(reasonCode: number | undefined, { clientId }: ConsumerOptions): Error {
  return new Error(
    reasonCode === sessionTakenOver
      ? `another process connected as ${clientId}`
      : `the broker ended the connection (reason ${reasonCode ?? 0})`,
  )
}

function explainStartFailure(name: string, { kind, reason }: ConnectFailure): BaywireError {
  return new BaywireError(`MQTT_URL: cannot consume from ${name}: ${reason}`, {
    advice:
      kind === 'refused'
        ? 'check the user name and password in MQTT_URL'
        : 'start that broker, or correct MQTT_URL, or unset it to use the embedded broker',
  })
}
