/**
 * What happens to a publish that reached the embedded broker: refused, or handed to the receiver and
 * acknowledged only when the receiver says so.
 *
 * - What nobody may subscribe to (readings, acks) is taken from the connection itself, which sends its PUBACK: many may be
 *   in flight, and aedes never sees them.
 * - Presence, which is retained, and QoS 2, whose handshake aedes keeps, come out of its `authorizePublish` hook. It sends
 *   PUBACK or PUBREC when that calls back, which is after the commit.
 *
 * A refused publish is acknowledged without effect (MQTT-3.3.5-2 leaves that or closing the connection), so
 * that it does not hold up the good ones behind it.
 */
import type { PublishPacket } from 'aedes'
import type { Clock } from '../clock.ts'
import { mayBequeath, mayPublish } from './access.ts'
import type { Connection, TakePublish } from './connection.ts'
import type { Receiver, RefusalReason } from './delivery.ts'
import { mostTopicBytes, type Publish } from './frames.ts'
import { InFlight, type Settling } from './in-flight.ts'
import { parseTopic, type Topic } from './topics.ts'

type Done = (error?: Error | null) => void
/** Of the connection, or of aedes. */
type Arrived = Publish | PublishPacket

/** Of one level, and so in nobody's rights to subscribe to. */
const sinkTopic = '$refused'
const nothing = Buffer.alloc(0)
/** Those of the state of a space. */
const mostTopicLevels = 8

export interface PublishesOptions {
  receiver: Receiver
  payloadBytes: number
  clock: Clock
}

export class Publishes {
  readonly #options: PublishesOptions
  readonly #inFlight = new InFlight()
  #closed = false

  constructor(options: PublishesOptions) {
    this.#options = options
  }

  /**
   * Takes the readings and acks of a connection that are of QoS 0 or 1. With all else aedes has to do, and with all that come
   * behind the first of QoS 2.
   */
  directly(connection: Connection): TakePublish {
    const settlings: readonly Settling[] = [
      { acknowledge: () => connection.settle(), giveUp: () => connection.settle() },
      {
        acknowledge: (messageId) => {
          connection.acknowledge(messageId)
          connection.settle()
        },
        giveUp: () => connection.destroy(),
      },
    ]
    // Those of one topic all go one way, or they would overtake each other.
    let isMixed = false
    return (publish) => {
      const settling = settlings[publish.qos]
      const topic = topicOf(publish)
      if (topic === undefined || !isForNobody(topic)) return false
      isMixed ||= settling === undefined
      if (settling === undefined || isMixed) return false
      const refusal = this.#refusal(connection, publish, topic)
      if (refusal === undefined) this.#deliver(connection, publish, settling)
      else {
        this.#options.receiver.refuse(refusal)
        settling.acknowledge(publish.messageId)
      }
      return true
    }
  }

  /** A publish that came by way of aedes; calling `done` lets aedes go on with what is then left of the packet. */
  take(connection: Connection, packet: PublishPacket, done: Done): void {
    // Cut off: what aedes had of it ends with the connection.
    if (connection.revoked) return
    const topic = topicOf(packet)
    const refusal = this.#refusal(connection, packet, topic)
    if (refusal !== undefined) this.#refuse(connection, packet, refusal, done)
    else if (packet.qos === 2) this.#takeOnce(connection, packet, done)
    else if (topic !== undefined && isForNobody(topic)) this.#takeReading(connection, packet, done)
    else this.#takePresence(connection, packet, done)
  }

  /** A last will that fires: its sender is gone, and so is its right to anything but its own presence. */
  takeWill(connection: Connection, will: PublishPacket, done: Done): void {
    const topic = topicOf(will)
    if (this.#closed || connection.revoked || connection.identity === undefined) {
      done(new Error('last will dropped'))
    } else if (topic === undefined || !mayBequeath(connection.identity, topic)) {
      this.#options.receiver.refuse('foreign_topic')
      done(new Error('last will on a foreign topic'))
    } else {
      will.retain &&= isPresence(will.payload)
      this.#deliver(connection, will, {
        acknowledge: () => done(),
        giveUp: () => done(new Error('last will given up')),
      })
    }
  }

  /** Waits until all deliveries are settled. No last will counts afterwards: who is cut off by a stop is not gone. */
  async close(patienceMs: number): Promise<void> {
    await this.#inFlight.emptyWithin(patienceMs)
    this.#closed = true
  }

  #refusal(connection: Connection, packet: Arrived, topic: Topic | undefined): RefusalReason | undefined {
    if (topic === undefined) return isTooLong(packet.topic) ? 'topic_too_long' : 'unknown_topic'
    if (connection.identity === undefined || !mayPublish(connection.identity, topic)) return 'foreign_topic'
    if (packet.payload.length > this.#options.payloadBytes) return 'payload_too_large'
    return undefined
  }

  #refuse(connection: Connection, packet: PublishPacket, reason: RefusalReason, done: Done): void {
    this.#options.receiver.refuse(reason)
    if (packet.qos === 1) connection.acknowledge(packet.messageId ?? 0)
    connection.settle()
    redirect(packet, packet.qos === 2 ? 2 : 0)
    done()
  }

  #takeReading(connection: Connection, packet: PublishPacket, done: Done): void {
    const acknowledge = () => {
      connection.settle()
      redirect(packet, packet.qos)
      done()
    }
    const giveUp = () => (packet.qos === 0 ? acknowledge() : connection.destroy())
    this.#deliver(connection, packet, { acknowledge, giveUp })
  }

  #takePresence(connection: Connection, packet: PublishPacket, done: Done): void {
    this.#deliver(connection, packet, {
      acknowledge: () => {
        connection.settle()
        // Nothing is left behind in the broker by one whose rights ended meanwhile.
        packet.retain &&= isPresence(packet.payload) && !connection.revoked
        done()
      },
      giveUp: () => connection.destroy(),
    })
  }

  /** The receiver sees a packet id once; one sent again before it is settled is answered by the first. */
  #takeOnce(connection: Connection, packet: PublishPacket, done: Done): void {
    const { messageId = 0 } = packet
    if (connection.exactlyOnce.has(messageId)) {
      connection.settle()
      redirect(packet, 0)
      done()
      return
    }
    connection.exactlyOnce.add(messageId)
    this.#deliver(connection, packet, {
      acknowledge: () => {
        connection.exactlyOnce.delete(messageId)
        connection.settle()
        redirect(packet, 2)
        done()
      },
      giveUp: () => connection.destroy(),
    })
  }

  #deliver(sender: Connection, packet: Arrived, settling: Settling): void {
    const delivered = {
      topic: packet.topic,
      payload: Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload),
      receivedAtMs: this.#options.clock.now(),
      retained: false,
      retainStripped: packet.retain,
      duplicate: packet.dup,
      sender,
    }
    this.#options.receiver.receive(this.#inFlight.track(delivered, settling, packet.messageId ?? 0))
  }
}

function isForNobody({ kind }: Topic): boolean {
  return kind === 'reading' || kind === 'readings' || kind === 'ack'
}

function topicOf({ topic }: Arrived): Topic | undefined {
  return topic.length > mostTopicBytes ? undefined : parseTopic(topic)
}

function isTooLong(topic: string): boolean {
  return Buffer.byteLength(topic) > mostTopicBytes || topic.split('/').length > mostTopicLevels
}

/** What aedes still has to do with the packet concerns its handshake alone. */
function redirect(packet: PublishPacket, qos: PublishPacket['qos']): void {
  packet.qos = qos
  packet.topic = sinkTopic
  packet.payload = nothing
  packet.retain = false
}

/** Only these two are worth the memory that a retained message takes. */
function isPresence(payload: PublishPacket['payload']): boolean {
  const text = payload.length <= 7 ? payload.toString() : ''
  return text === 'online' || text === 'offline'
}
