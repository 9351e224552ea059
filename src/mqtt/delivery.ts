/**
 * One delivery of an MQTT message, whichever broker it came through. Whoever receives it calls exactly one
 * of `acknowledge` and `giveUp`, once; a second call does nothing.
 */
export interface Delivery {
  readonly topic: string
  readonly payload: Buffer
  /** Arrival at this process, in milliseconds since the epoch. */
  readonly receivedAtMs: number
  /** Delivered because of subscribing, therefore old. Never true on the embedded broker, where it is stripped. */
  readonly retained: boolean
  /** A reading that was published with the retain flag on the embedded broker: live, and to be noted. */
  readonly retainStripped?: boolean
  /** The DUP flag: the sender does not know whether an earlier delivery arrived. */
  readonly duplicate: boolean
  /** Whose it is, where that is known: what waits of one that was revoked is given up instead of committed. */
  readonly sender?: { readonly revoked: boolean } | undefined
  /** To be called after COMMIT, or when there is nothing to commit. */
  acknowledge(): void
  /** Leaves it unacknowledged for good, so that it is delivered again on a later connection: this one is closed. */
  giveUp(): void
}

/** Why the door refused something. It has no reading; it is counted in `baywire_refused_total`. */
export type RefusalReason =
  | 'wrong_credential'
  | 'wrong_client_id'
  | 'too_many_failures'
  | 'too_many_connects'
  | 'credential_ended'
  | 'foreign_topic'
  | 'foreign_subscription'
  | 'too_many_subscriptions'
  | 'unknown_topic'
  | 'topic_too_long'
  | 'unknown_tenant'
  | 'payload_too_large'
  | 'wrong_quality_of_service'
  | 'malformed_presence'
  | 'malformed_packet'

export interface Receiver {
  receive(delivery: Delivery): void
  refuse(reason: RefusalReason): void
}

/** What the embedded broker and the consumer of an external one have in common. */
export interface Door {
  /** Hands over nothing more until `release`; what waits, waits with its sender. */
  hold(): void
  release(): void
  /** Hands over nothing more, waits (within a bound) until all deliveries are settled, then disconnects. */
  close(): Promise<void>
}
