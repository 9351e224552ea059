import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { answerOrders } from '../helper.ts'

/** Asks one URL over and over, on connections that are kept, each anew when it has the whole answer. */
export interface HttpOrder {
  port: number
  path: string
  headers: Record<string, string>
  /** Any other answer is a failure. */
  status: number
  connections: number
  warmUpS: number
  seconds: number
}

export interface HttpAnswer {
  requests: number
  seconds: number
  /** Of one body. */
  bytes: number
}

const endOfHead = Buffer.from('\r\n\r\n')

answerOrders(async (order: HttpOrder): Promise<HttpAnswer> => {
  const askers = Array.from({ length: order.connections }, () => new Asker(order))
  const requests = () => askers.reduce((sum, asker) => sum + asker.answered, 0)
  try {
    await pause(order.warmUpS * 1000)
    const from = { at: performance.now(), requests: requests() }
    await pause(order.seconds * 1000)
    const seconds = (performance.now() - from.at) / 1000
    const fault = askers.find(({ fault: one }) => one !== undefined)?.fault
    if (fault !== undefined) throw fault
    return { requests: requests() - from.requests, seconds, bytes: askers[0]?.bytes ?? 0 }
  } finally {
    for (const asker of askers) asker.close()
  }
})

class Asker {
  answered = 0
  bytes = 0
  fault: Error | undefined
  readonly #socket: Socket
  readonly #status: string
  /** Bytes of the answer's body that are still to come; undefined while its head is. */
  #left: number | undefined
  #head: Buffer = Buffer.alloc(0)

  constructor({ port, path, headers, status }: HttpOrder) {
    const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}`)
    const request = Buffer.from([`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
    this.#status = `HTTP/1.1 ${status} `
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('connect', () => this.#socket.write(request))
    this.#socket.on('error', (error) => (this.fault ??= error))
    this.#socket.on('end', () => (this.fault ??= new Error('the connection was ended')))
    this.#socket.on('data', (chunk) => {
      if (!this.#take(chunk)) return
      this.answered += 1
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Returns whether the answer is whole. */
  #take(chunk: Buffer): boolean {
    let body = chunk
    if (this.#left === undefined) {
      this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
      const end = this.#head.indexOf(endOfHead)
      if (end === -1) return false
      const head = this.#head.toString('latin1', 0, end)
      if (!head.startsWith(this.#status)) this.fault ??= new Error(`answered ${head.split('\r\n', 1)[0]}`)
      this.#left = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      this.bytes = this.#left
      body = this.#head.subarray(end + endOfHead.length)
      this.#head = Buffer.alloc(0)
    }
    this.#left -= body.length
    if (this.#left > 0) return false
    this.#left = undefined
    return true
  }
}
