import type { DecodedPart } from '../decode/decoded.ts'
import type { Delivery } from '../mqtt/delivery.ts'

/** One delivered message on its way to the log: decoded, not yet judged. */
export interface Message {
  readonly kind: 'readings'
  readonly id: string
  /** Slug of the tenant that its topic names. */
  readonly tenant: string
  readonly delivery: Delivery
  readonly parts: readonly DecodedPart[]
  /** Where this is no delivery but a redrive of one: which of its readings, since the others had their effect. */
  readonly redrive?: ReadonlySet<number>
}

/** What a status topic said. It is no reading: it changes who is present, and is in no book. */
export interface Presence {
  readonly kind: 'presence'
  readonly tenant: string
  readonly speaker: { readonly kind: 'devices' | 'gateways'; readonly code: string }
  readonly presence: 'online' | 'offline'
  readonly delivery: Delivery
}

export type Received = Message | Presence

export function readingsIn(received: Received): number {
  return received.kind === 'readings' ? received.parts.length : 0
}

export interface Size {
  readings: number
  /** Of payloads. */
  bytes: number
}

export function sizeOf(batch: readonly Received[]): Size {
  const size = { readings: 0, bytes: 0 }
  for (const received of batch) {
    size.readings += readingsIn(received)
    size.bytes += received.delivery.payload.length
  }
  return size
}
