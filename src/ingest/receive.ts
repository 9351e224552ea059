import type { DecodedPart } from '../decode/decoded.ts'
import { decodeReading, decodeReadings } from '../decode/native.ts'
import { decodePresence } from '../decode/presence.ts'
import { newId } from '../ids.ts'
import type { Delivery, RefusalReason } from '../mqtt/delivery.ts'
import { parseTopic } from '../mqtt/topics.ts'
import type { Received } from './message.ts'

/**
 * A delivery as the pipeline takes it, or why the door refuses it. Pure and cheap: it runs for each message, before
 * anything waits, so that what cannot be read never costs a transaction of its own.
 */
export function receive(delivery: Delivery): Received | RefusalReason {
  const topic = parseTopic(delivery.topic)
  switch (topic?.kind) {
    case 'reading':
      return message(topic.tenant, delivery, [decodeReading(topic.device, delivery.payload)])
    case 'readings':
      return message(topic.tenant, delivery, decodeReadings(delivery.payload))
    case 'status': {
      const presence = decodePresence(delivery.payload)
      if (presence === undefined) return 'malformed_presence'
      const { tenant, device, gateway } = topic
      const speaker =
        device === undefined
          ? ({ kind: 'gateways', code: gateway } as const)
          : ({ kind: 'devices', code: device } as const)
      return { kind: 'presence', tenant, speaker, presence, delivery }
    }
    default:
      return 'unknown_topic'
  }
}

function message(tenant: string, delivery: Delivery, parts: readonly DecodedPart[]): Received {
  return { kind: 'readings', id: newId(), tenant, delivery, parts }
}
