import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { SocketSink } from '../../src/live/stream-socket.ts'
import { SseSink } from '../../src/live/stream-sse.ts'
import type { Stream } from '../../src/live/stream.ts'

/** A connection whose other end reads when it is told to. */
class SlowConnection extends Duplex {
  #taken: (() => void) | undefined

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, taken: () => void): void {
    this.#taken = taken
  }

  setTimeout(): void {}

  takeOne(): void {
    this.#taken?.()
  }
}

function sinksOn(connection: SlowConnection) {
  const socket = Object.assign(new EventEmitter(), { bufferedAmount: 1 }) as unknown as WebSocket
  const options = { stuckMs: 1, retryMs: 1, onGone: () => {}, stream: () => ({}) as Stream }
  return {
    sse: () => new SseSink(connection as unknown as ServerResponse, options),
    ws: () => new SocketSink(socket, connection, options),
  }
}

describe.each(['sse', 'ws'] as const)('a connection that is written to: %s', (kind) => {
  it('is waited for as often as may be, and nothing is left of it', async () => {
    const connection = new SlowConnection()
    const sink = sinksOn(connection)[kind]()
    connection.write('first')
    const listeners = () => ['drain', 'close'].map((event) => connection.listenerCount(event))
    const before = listeners()
    for (let n = 0; n < 20; n += 1) {
      connection.write('more')
      const drained = sink.drained()
      while (connection.writableLength > 0) {
        connection.takeOne()
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await Promise.resolve()
      }
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await drained
    }
    expect(listeners()).toEqual(before)
  })

  it('can tell that it is gone, however often it is asked for before', async () => {
    const connection = new SlowConnection()
    const sink = sinksOn(connection)[kind]()
    connection.write('first')
    connection.destroy()
    const told: string[] = []
    connection.on('close', () => told.push('closed'))
    await sink.drained().then(() => told.push('drained'))
    expect(told).toEqual(['closed', 'drained'])
    await sink.drained()
  })
})
