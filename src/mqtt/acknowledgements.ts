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
