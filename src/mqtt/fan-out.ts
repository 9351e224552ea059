/**
 * What the embedded broker says to those who subscribed: states and availability, retained, in place of aedes' own way, by
 * which one who reads slowly holds up all others. Guarantees that
 *
 * - whoever reads slowly costs nobody else anything, and no more memory than its own bytes up to a bound: beyond it what is
 *   for it is left out, and of each topic the newest follows when it has read the rest;
 * - no subscriber is shown an older state of a topic behind a newer one: what is no longer the newest is left out.
 */
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Aedes, AedesPublishPacket, Client } from 'aedes'
import type { Connection } from './connection.ts'
import { PublishStopped, type RetainedMessage } from './outlet.ts'
import { RetainedMessages, type Retained } from './retained.ts'

type Packet = Retained & Pick<AedesPublishPacket, 'cmd' | 'qos' | 'retain' | 'dup'>

/** Not in aedes' types. */
interface Persistence {
  storeRetained(packet: Packet): Promise<void>
  createRetainedStreamCombi(filters: readonly string[]): Readable
}
interface Delivering {
  readonly subscriptions: Record<string, { qos: 0 | 1 | 2 }>
  deliverQoS(packet: Packet, done: () => void): void
  deliver0(packet: Packet, done: () => void): void
}

/** Published in one turn of the event loop. */
const mostAtOnce = 100

export class FanOut {
  readonly #retained = new RetainedMessages<Packet>()
  #aedes: Aedes | undefined

  /** To be called once it listens. */
  attach(aedes: Aedes): void {
    this.#aedes = aedes
    const { persistence } = aedes as unknown as { persistence: Persistence }
    persistence.storeRetained = ({ cmd, topic, payload, qos, retain, dup }) => {
      this.#retained.store({ cmd, topic, payload, qos, retain, dup })
      return Promise.resolve()
    }
    persistence.createRetainedStreamCombi = (filters) => Readable.from(this.#retained.matching(filters))
  }

  async publish(messages: readonly RetainedMessage[], mayGoOn: () => boolean): Promise<void> {
    for (const [index, { topic, payload }] of messages.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- readings are taken in between
      if (index > 0 && index % mostAtOnce === 0) await turn()
      if (this.#aedes === undefined || this.#aedes.closed || !mayGoOn())
        throw new PublishStopped('published no further')
      // It is retained at once; to whom it is delivered, and when, is their affair.
      this.#aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: true, dup: false }, () => {})
    }
  }

  /** What a subscriber is sent of a packet that is for it: the packet, or nothing. */
  forward(client: Client, connection: Connection, packet: AedesPublishPacket): AedesPublishPacket | null {
    if (!isOurs(packet.topic)) return packet
    if (!this.#isNewest(packet)) return null
    // What is sent because of subscribing is sent as it is read.
    if (packet.retain || !connection.writableNeedDrain) return packet
    const { owed } = connection
    if (owed.size === 0) connection.once('drain', () => void this.#payBack(client, connection))
    owed.add(packet.topic)
    return null
  }

  #isNewest({ topic, payload }: AedesPublishPacket): boolean {
    const newest = this.#retained.at(topic)
    return payload.length === 0 ? newest === undefined : newest?.payload === payload
  }

  async #payBack(client: Client, connection: Connection): Promise<void> {
    const { owed } = connection
    while (owed.size > 0 && !connection.destroyed) {
      if (connection.writableNeedDrain) {
        // The rest follows when it has read this.
        connection.once('drain', () => void this.#payBack(client, connection))
        return
      }
      const topics = [...owed].slice(0, mostAtOnce)
      for (const topic of topics) owed.delete(topic)
      // oxlint-disable-next-line no-await-in-loop -- so many in its buffer at a time
      await Promise.all(topics.map((topic) => this.#deliver(client, topic)))
    }
  }

  async #deliver(client: Client, topic: string): Promise<void> {
    const subscriber = client as unknown as Delivering
    const qos = grantedQos(subscriber.subscriptions, topic)
    if (qos === undefined) return
    const payload = this.#retained.at(topic)?.payload ?? Buffer.alloc(0)
    const packet: Packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }
    await new Promise<void>((resolve) => {
      if (qos === 0) subscriber.deliver0(packet, resolve)
      else subscriber.deliverQoS(packet, resolve)
    })
  }
}

function isOurs(topic: string): boolean {
  return topic.endsWith('/state') || topic.endsWith('/availability')
}

/** The highest of the client's subscriptions to a topic; undefined where it has none any more. */
function grantedQos(subscriptions: Delivering['subscriptions'], topic: string): number | undefined {
  const levels = topic.split('/')
  let highest: number | undefined
  for (const [filter, { qos }] of Object.entries(subscriptions)) {
    const wanted = filter.split('/')
    const isMatch =
      wanted.length === levels.length && wanted.every((level, at) => level === '+' || level === levels[at])
    if (isMatch) highest = Math.max(highest ?? 0, qos)
  }
  return highest
}
