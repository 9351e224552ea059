import { connect, type Socket } from 'node:net'
import { answerOrders } from '../helper.ts'
import { monotonicMs } from './monotonic.ts'

/** Clients of an event stream, bare sockets: they look at what comes only as far as to know when an event is there. */
export type FollowersOrder =
  | { order: 'connect'; port: number; path: string; key: string; count: number }
  /** From here on the next event is waited for. */
  | { order: 'arm' }
  /** When it had come to each of them, in milliseconds of `monotonicMs`. */
  | { order: 'collect' }

const data = Buffer.from('\ndata: ')
const opened = Buffer.from('retry: ')
const connectsAtOnce = 50

const sockets: Socket[] = []
let arrivals: number[] = []
let arrived = new Set<Socket>()
let done: (() => void) | undefined

answerOrders(async (order: FollowersOrder): Promise<unknown> => {
  switch (order.order) {
    case 'connect':
      for (let n = 0; n < order.count; n += connectsAtOnce) {
        const batch = Math.min(connectsAtOnce, order.count - n)
        // oxlint-disable-next-line no-await-in-loop -- not all at one moment
        sockets.push(...(await Promise.all(Array.from({ length: batch }, () => open(order)))))
      }
      return sockets.length
    case 'arm':
      arrivals = []
      arrived = new Set()
      return null
    case 'collect':
      if (arrivals.length < sockets.length) await new Promise<void>((resolve) => (done = resolve))
      done = undefined
      return arrivals
  }
})

function open({ port, path, key }: { port: number; path: string; key: string }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const authorization = key === '' ? '' : `Authorization: Bearer ${key}\r\n`
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n${authorization}\r\n`)
    let isOpen = false
    socket.on('data', (chunk: Buffer) => {
      const at = monotonicMs()
      if (!isOpen && chunk.includes(opened)) {
        isOpen = true
        resolve(socket)
      }
      if (chunk.includes(data)) note(socket, at)
    })
    socket.on('error', reject)
    socket.on('close', () => {
      throw new Error('a stream was closed')
    })
  })
}

function note(socket: Socket, at: number): void {
  if (arrived.has(socket)) return
  arrived.add(socket)
  arrivals.push(at)
  if (arrivals.length === sockets.length) done?.()
}
