import type { MqttClient } from 'mqtt'
import { PublishRefused, PublishStopped, type RetainedMessage } from './outlet.ts'

/** Unacknowledged at a time, where the broker does not take fewer. */
const mostInFlight = 200
/** MQTT 5, 2.4: reason codes from here on are failures. */
const firstFailure = 128

/**
 * Publishes on a connection that is there for another purpose. What is unacknowledged when it is lost is forgotten: mqtt.js
 * would send it again on the next one, when somebody else may have published something newer there.
 */
export class Publications {
  readonly #client: MqttClient
  readonly #inFlight = new Set<number>()
  #window = mostInFlight

  constructor(client: MqttClient) {
    this.#client = client
  }

  /** Settles when all that was published is settled, and not before. */
  async publish(messages: readonly RetainedMessage[], mayGoOn: () => boolean): Promise<void> {
    const left = messages.values()
    let failed = false
    const lane = async () => {
      for (const message of left) {
        if (failed || !mayGoOn()) throw new PublishStopped('published no further')
        // oxlint-disable-next-line no-await-in-loop -- so many lanes, so many in flight
        await this.#one(message).catch((error: unknown) => {
          failed = true
          throw error
        })
      }
    }
    const lanes = await Promise.allSettled(Array.from({ length: Math.min(this.#window, messages.length) }, lane))
    const reasons = lanes.flatMap((ended) => (ended.status === 'rejected' ? [ended.reason as unknown] : []))
    if (reasons.length === 0) return
    // What one lane was told is why the others stopped.
    throw (
      reasons.find((reason) => reason instanceof PublishRefused) ??
      reasons.find((reason) => !(reason instanceof PublishStopped)) ??
      reasons[0]
    )
  }

  /** The connection is lost. */
  forget(): void {
    for (const messageId of this.#inFlight) this.#client.removeOutgoingMessage(messageId)
    this.#inFlight.clear()
  }

  /** What the broker takes at a time, where it says so. */
  bound(receiveMaximum: number | undefined): void {
    this.#window = Math.min(mostInFlight, receiveMaximum ?? mostInFlight)
  }

  #one({ topic, payload }: RetainedMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#client.connected) {
        reject(new PublishStopped('not connected'))
        return
      }
      let messageId: number | undefined
      this.#client.publish(topic, payload, { qos: 1, retain: true }, (error) => {
        if (messageId !== undefined) this.#inFlight.delete(messageId)
        messageId = 0
        if (error) reject(isRefusal(error) ? new PublishRefused(error.message) : error)
        else resolve()
      })
      if (messageId !== undefined) return
      messageId = this.#client.getLastMessageId()
      this.#inFlight.add(messageId)
    })
  }
}

function isRefusal(error: Error): boolean {
  return 'code' in error && typeof error.code === 'number' && error.code >= firstFailure
}
