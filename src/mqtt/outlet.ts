/**
 * Where goes out what Baywire itself has to say: retained, at QoS 1. What could not be published is left to whoever asked
 * for it, who by then may have something newer to say: nothing is kept here to be sent later.
 */
export interface RetainedMessage {
  topic: string
  /** Empty: nothing is retained there any more. */
  payload: Buffer
}

export interface Outlet {
  /**
   * Undefined while nothing can be published. Another number for each connection: what the broker retains must then be
   * taken for lost.
   */
  readonly connection: number | undefined
  /** Called whenever `connection` has become another one. */
  onConnection(changed: () => void): void
  /**
   * Resolves when the broker has all of them; rejects where it may not have. `mayGoOn` is asked before each: once it says no,
   * no further one is published. No topic may be among them twice.
   */
  publishRetained(messages: readonly RetainedMessage[], mayGoOn: () => boolean): Promise<void>
}

/** The broker says that we may not, which trying again does not help. */
export class PublishRefused extends Error {
  override readonly name = 'PublishRefused'
}

export class PublishStopped extends Error {
  override readonly name = 'PublishStopped'
}
