/**
 * A connection that publishes at QoS 1, many messages in flight. What was not acknowledged when the connection
 * was lost is sent again on the next one, in its order, all at once and flagged DUP. mqtt.js would send it
 * again too, but one message per round trip and without the flag; so each connection has a client of its own
 * and what is unacknowledged is kept here.
 */
import { connect, type MqttClient } from 'mqtt'
import { BaywireError } from '../errors.ts'
import { brokerAddress, brokerName, connectFailure, type ConnectFailure } from './address.ts'

export interface PublisherOptions {
  url: string
  username: string
  secret: string
  /** The user name, unless the broker is one that does not care. */
  clientId?: string
  /** Unacknowledged messages beyond which `room` waits. */
  window?: number
  retryMinMs?: number
  retryMaxMs?: number
}

export interface Publisher {
  /** Resolves on PUBACK, whatever it takes; rejects when the publisher is aborted or its credential refused. */
  publish(topic: string, payload: string | Buffer, options?: { retain?: boolean }): Promise<void>
  /** Resolves when another message may be published: awaited before each, it bounds what is held in memory. */
  room(): Promise<void>
  unacknowledged(): number
  /** Waits until everything is acknowledged, then disconnects. */
  end(): Promise<void>
  /** Disconnects now; what is unacknowledged is rejected. */
  abort(): Promise<void>
}

interface Message {
  topic: string
  payload: string | Buffer
  retain: boolean
  sent: boolean
  resolve: () => void
  reject: (error: Error) => void
}

const connectTimeoutMs = 10_000
const keepaliveS = 30
const defaults = { window: 1000, retryMinMs: 100, retryMaxMs: 5000 }

/** Resolves when connected. Fails when the first connection does; later ones are tried until the end. */
export async function connectPublisher(options: PublisherOptions): Promise<Publisher> {
  const publisher = new RetryingPublisher(options)
  await publisher.connect()
  return publisher
}

class RetryingPublisher implements Publisher {
  readonly #options: Required<PublisherOptions>
  /** In the order of publishing. */
  readonly #messages = new Set<Message>()
  readonly #changes = new Set<() => void>()
  #client: MqttClient | undefined
  #retry: NodeJS.Timeout | undefined
  #pauseMs: number
  #failure: Error | undefined

  constructor(options: PublisherOptions) {
    this.#options = { ...defaults, clientId: options.username, ...options }
    this.#pauseMs = this.#options.retryMinMs
  }

  async connect(): Promise<void> {
    const { url, username, secret, clientId } = this.#options
    const client = connect({
      ...brokerAddress(url),
      username,
      password: secret,
      clientId,
      // What the embedded broker speaks.
      protocolVersion: 4,
      clean: true,
      keepalive: keepaliveS,
      connectTimeout: connectTimeoutMs,
      reconnectPeriod: 0,
    })
    let lastError: Error | undefined
    client.on('error', (error) => (lastError = error))
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve())
      client.once('close', () => reject(explain(this.#options, connectFailure(lastError))))
    })
    if (this.#failure !== undefined) {
      await client.endAsync(true)
      return
    }
    client.once('close', () => this.#lost())
    this.#client = client
    this.#pauseMs = this.#options.retryMinMs
    for (const message of this.#messages) this.#send(client, message)
  }

  async publish(topic: string, payload: string | Buffer, { retain = false } = {}): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      const message: Message = { topic, payload, retain, sent: false, resolve, reject }
      this.#messages.add(message)
      if (this.#client !== undefined) this.#send(this.#client, message)
    })
  }

  room(): Promise<void> {
    return this.#until(() => this.#messages.size < this.#options.window)
  }

  unacknowledged(): number {
    return this.#messages.size
  }

  async end(): Promise<void> {
    await this.#until(() => this.#messages.size === 0)
    await this.#stop(new Error('the publisher has ended'))
  }

  async abort(): Promise<void> {
    await this.#stop(new Error('the publisher was aborted'))
  }

  #send(client: MqttClient, message: Message): void {
    const { topic, payload, retain, sent } = message
    message.sent = true
    client.publish(topic, payload, { qos: 1, retain, dup: sent }, (error) => {
      if (error || client !== this.#client) return
      this.#messages.delete(message)
      message.resolve()
      this.#changed()
    })
  }

  #lost(): void {
    this.#client = undefined
    if (this.#failure !== undefined) return
    this.#retry = setTimeout(() => void this.#reconnect(), this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.retryMaxMs)
  }

  async #reconnect(): Promise<void> {
    try {
      await this.connect()
    } catch (error) {
      if (error instanceof RefusedCredential) await this.#stop(error)
      else this.#lost()
    }
  }

  async #stop(failure: Error): Promise<void> {
    this.#failure ??= failure
    const complete = this.#messages.size === 0
    clearTimeout(this.#retry)
    for (const message of this.#messages) message.reject(failure)
    this.#messages.clear()
    this.#changed()
    await this.#client?.endAsync(!complete)
  }

  async #until(condition: () => boolean): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!condition()) return
        this.#changes.delete(check)
        resolve()
      }
      this.#changes.add(check)
    })
  }

  #changed(): void {
    for (const check of this.#changes) check()
  }
}

/** The broker knows the user name or the secret not: trying again does not help. */
export class RefusedCredential extends BaywireError {
  override readonly name = 'RefusedCredential'
}

function explain({ url, username }: PublisherOptions, { kind, reason }: ConnectFailure): BaywireError {
  const message = `cannot publish to ${brokerName(url)} as ${username}: ${reason}`
  return kind === 'refused'
    ? new RefusedCredential(message, { advice: 'check that the device or gateway exists, and its secret' })
    : new BaywireError(message, { advice: 'start Baywire or the broker, or correct the address' })
}
