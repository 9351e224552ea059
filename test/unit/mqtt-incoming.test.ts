import { once } from 'node:events'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Publish } from '../../src/mqtt/frames.ts'
import { Incoming } from '../../src/mqtt/incoming.ts'
import { Changes } from '../support/mqtt.ts'

const ping = Buffer.from([0xd0, 0x00])

function length(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...length(Math.floor(value / 128))]
}

/** As a broker writes it with MQTT 5; `properties` are bytes that nobody here reads. */
function publish({ topic = 'a/b', payload = 'x', qos = 1, id = 7, flags = 0, properties = Buffer.alloc(0) }): Buffer {
  const name = Buffer.from(topic)
  const body = Buffer.concat([
    Buffer.from([name.length >> 8, name.length & 255]),
    name,
    Buffer.from(qos === 0 ? [] : [id >> 8, id & 255]),
    Buffer.from(length(properties.length)),
    properties,
    Buffer.from(payload),
  ])
  return Buffer.concat([Buffer.from([0x30 | (qos << 1) | flags, ...length(body.length)]), body])
}

describe('a connection to an external broker', () => {
  let server: Server
  let broker: Socket
  let stream: Incoming
  let taken: Publish[]
  let passed: Buffer
  const changes = new Changes()

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    await connectAgain()
  })

  afterEach(() => {
    stream.destroy()
    broker.destroy()
    server.close()
  })

  async function connectAgain(): Promise<void> {
    const address = server.address()
    const socket = connect({ host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 })
    ;[broker] = (await once(server, 'connection')) as [Socket]
    broker.setNoDelay(true)
    taken = []
    passed = Buffer.alloc(0)
    stream = new Incoming(socket, (one) => {
      taken.push(one)
      changes.happened()
    })
    stream.on('data', (bytes: Buffer) => {
      passed = Buffer.concat([passed, bytes])
      changes.happened()
    })
    stream.on('error', () => {})
    stream.on('close', () => changes.happened())
  }

  it('hands over what is published, in all its parts', async () => {
    const properties = Buffer.from([0x26, 0, 1, 0x61, 0, 1, 0x62])
    broker.write(publish({ topic: 'p/ü', payload: '{"a":1}', id: 65_535, flags: 9, properties }))
    broker.write(publish({ qos: 0, payload: '' }))
    await changes.until(() => taken.length === 2)
    expect(taken[0]).toMatchObject({ topic: 'p/ü', qos: 1, retain: true, dup: true, messageId: 65_535 })
    expect(taken[0]?.payload.toString()).toBe('{"a":1}')
    expect(taken[1]).toMatchObject({ topic: 'a/b', qos: 0, retain: false, dup: false, messageId: 0 })
    expect(taken[1]?.payload).toHaveLength(0)
  })

  it('writes a packet that is given in pieces as one, and nothing comes between them', async () => {
    const writes: string[] = []
    const slow = new Duplex({
      read: () => {},
      // As over TLS, where a write is finished in a later turn.
      write: (chunk: Buffer, _encoding, done) => {
        writes.push(chunk.toString())
        setImmediate(done)
      },
    })
    const outgoing = new Incoming(Object.assign(slow, { setNoDelay: () => slow }) as unknown as Socket, () => {})
    outgoing.write('first')
    outgoing.cork()
    for (const piece of ['3', '10', 'topic', 'payload']) outgoing.write(piece)
    process.nextTick(() => outgoing.uncork())
    await new Promise(setImmediate)
    outgoing.write('puback')
    outgoing.end()
    await once(slow, 'finish')
    expect(writes.slice(0, 2)).toEqual(['first', '310topicpayload'])
    expect(writes.slice(2).join('')).toBe('puback')
    outgoing.destroy()
  })

  it('hands over and passes on the same, in order, however the bytes are cut', async () => {
    const packets = fc.array(fc.oneof(fc.constant(undefined), fc.string({ maxLength: 300 })), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        packets,
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
        async (payloads, cuts) => {
          const bytes = Buffer.concat([
            ...payloads.map((payload) => (payload === undefined ? ping : publish({ payload }))),
            publish({ payload: 'last' }),
          ])
          taken = []
          passed = Buffer.alloc(0)
          for (let at = 0, cut = 0; at < bytes.length; at += cuts[cut++ % cuts.length] ?? 1) {
            const part = bytes.subarray(at, at + (cuts[cut % cuts.length] ?? 1))
            await new Promise((resolve) => broker.write(part, resolve))
          }
          const pings = payloads.filter((payload) => payload === undefined)
          await changes.until(() => taken.at(-1)?.payload.toString() === 'last' && passed.length === 2 * pings.length)
          expect(taken.map(({ payload }) => payload.toString())).toEqual([
            ...payloads.filter((payload) => payload !== undefined),
            'last',
          ])
        },
      ),
      { numRuns: 50 },
    )
  })

  it('held, lets pass what is not published, and hands over the rest in order when released', async () => {
    stream.hold()
    broker.write(Buffer.concat([ping, publish({ payload: '1' }), ping]))
    await changes.until(() => passed.length === 2)
    expect(taken).toHaveLength(0)
    broker.write(publish({ payload: '2' }))
    stream.release()
    await changes.until(() => taken.length === 2)
    expect(taken.map(({ payload }) => payload.toString())).toEqual(['1', '2'])
    await changes.until(() => passed.length === 4)
  })

  it.each([
    ['a length without an end', Buffer.from([0x30, 255, 255, 255, 255, 1])],
    ['a topic longer than its packet', Buffer.from([0x32, 4, 0, 200, 0x61, 0x62])],
    ['properties longer than their packet', Buffer.from([0x30, 4, 0, 1, 0x61, 9])],
    ['no room for a topic', Buffer.from([0x30, 1, 0])],
    ['a quality of service that does not exist', Buffer.from([0x36, 6, 0, 1, 0x61, 0, 1, 0])],
  ])('ends with an error at %s', async (_what, bytes) => {
    const failed = once(stream, 'error') as Promise<[Error]>
    broker.write(Buffer.concat([publish({ payload: 'good' }), bytes]))
    const [error] = await failed
    expect(error.message).toContain('what is not MQTT')
    expect(taken).toHaveLength(1)
    await changes.until(() => stream.destroyed)
  })
})
