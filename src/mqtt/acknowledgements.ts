/**
 * PUBACKs of one network connection. Those given in the same tick (a commit gives hundreds) leave as one
 * buffer, which costs a fraction of one write each. Valid for MQTT 3.1.1 and, with reason 0, for MQTT 5.
 */
export class Acknowledgements {
  readonly #write: (packets: Buffer) => void
  #ids: number[] = []

  constructor(write: (packets: Buffer) => void) {
    this.#write = write
  }

  add(messageId: number): void {
    if (this.#ids.push(messageId) === 1) queueMicrotask(() => this.flush())
  }

  flush(): void {
    const ids = this.#ids
    if (ids.length === 0) return
    this.#ids = []
    const packets = Buffer.allocUnsafe(ids.length * 4)
    let at = 0
    for (const id of ids) {
      packets[at++] = 0x40
      packets[at++] = 0x02
      packets[at++] = id >> 8
      packets[at++] = id & 0xff
    }
    this.#write(packets)
  }
}

/**
 * The same in the order in which the messages came, as a client must (MQTT 5, 4.6): one that is given early waits for those
 * before it. Mosquitto looks for each message from the oldest on, so out of order each look is a long one.
 */
export class OrderedAcknowledgements {
  readonly #queue: Acknowledgements
  #waiting: number[] = []
  #first = 0
  /** By id: given, and not sent because of others before it. */
  readonly #given = new Uint8Array(65_536)

  constructor(write: (packets: Buffer) => void) {
    this.#queue = new Acknowledgements(write)
  }

  /** No more are given on this connection: sends those that were given early, too. The rest will come again. */
  finish(): void {
    for (const id of this.#waiting.splice(this.#first)) if (this.#given[id] === 1) this.#queue.add(id)
    this.#queue.flush()
  }

  /** A message came. Its id is not used again before it was acknowledged. */
  expect(messageId: number): void {
    this.#waiting.push(messageId)
  }

  add(messageId: number): void {
    this.#given[messageId] = 1
    while (this.#first < this.#waiting.length) {
      const next = this.#waiting[this.#first] as number
      if (this.#given[next] !== 1) break
      this.#given[next] = 0
      this.#queue.add(next)
      this.#first++
    }
    if (this.#first < forgottenAtOnce) return
    this.#waiting = this.#waiting.slice(this.#first)
    this.#first = 0
  }
}

/** Ids that are done with are taken off the list so many at a time. */
const forgottenAtOnce = 4096
