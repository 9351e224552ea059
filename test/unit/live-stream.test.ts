import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { Cursors } from '../../src/live/cursor.ts'
import type { Batch } from '../../src/live/event-body.ts'
import { Feed } from '../../src/live/feed.ts'
import { roomsOf, type Room } from '../../src/live/rooms.ts'
import { StreamHub } from '../../src/live/stream-hub.ts'
import type { Reset, Sink } from '../../src/live/stream-sink.ts'
import { Stream } from '../../src/live/stream.ts'
import { newId } from '../../src/ids.ts'
import type { RecordedEvent, RecordedState } from '../../src/store/events.ts'

/**
 * Any interleaving of commits, wakes, reads, rooms that are joined, readers that stop and rights that cannot be found out: each
 * reader has each event of its rooms once, and what waits for it is bounded.
 */
const tenantId = newId()
const sites = [newId(), newId()]
const spaces = [newId(), newId(), newId()].map((id, n) => ({ id, siteId: sites[n % 2] ?? '' }))
const rooms: Room[] = ['tenant', `site:${sites[0]}`, `space:${spaces[0]?.id}`, `space:${spaces[1]?.id}`]
const limits = { replayedEvents: 1_000_000, unsentBytes: 5000, rightsMs: 60_000, retryMs: 0 }
const largestPage = 250

function eventAt(position: number): RecordedEvent {
  const { id, siteId } = spaces[position % spaces.length] ?? { id: '', siteId: '' }
  return {
    position,
    spaceId: id,
    siteId,
    space: 'a',
    site: 'b',
    eventTime: new Date(0),
    recordedAt: new Date(0),
    kind: 'occupied',
    cause: { type: 'timer' },
    rule: 'reading',
    state: {} as RecordedState,
  }
}

/** Takes what is written only when it is told to. */
class SlowSink implements Sink {
  readonly kind = 'sse'
  readonly positions: number[] = []
  readonly resets: Reset[] = []
  readonly batches: Batch[] = []
  most = 0
  stopped = false
  #unsent = 0
  #waiting: (() => void)[] = []

  get unsentBytes(): number {
    return this.#unsent
  }

  events(batch: Batch): void {
    this.batches.push(batch)
    this.positions.push(...batch.events.map(({ position }) => position))
    if (this.stopped) this.#unsent += batch.sse.length
    this.most = Math.max(this.most, this.#unsent)
  }

  take(): void {
    this.stopped = false
    this.#unsent = 0
    for (const go of this.#waiting.splice(0)) go()
  }

  async drained(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  reset(reset: Reset): void {
    this.resets.push(reset)
  }
  caughtUp(): void {}
  expiring(): void {}
  heartbeat(): void {}
  end(): void {}
  cut(): void {}
}

function world() {
  let head = 0
  const cursors = new Cursors({ encryption: Buffer.alloc(32, 1), nonce: Buffer.alloc(32, 2) })
  const behind = (after: number, limit: number) =>
    Array.from({ length: Math.max(0, Math.min(limit, head - after)) }, (_, n) => eventAt(after + n + 1))
  const feed = new Feed({ position: 0, pageSize: 7, read: async (after) => behind(after, 7), onTrouble: () => {} })
  const hub = new StreamHub({
    tenantId,
    feed,
    cursors,
    readGap: async ({ after, limit }) => ({ head, droppedUntil: 0, events: behind(after, limit) }),
  })
  return {
    hub,
    feed,
    cursors,
    get head() {
      return head
    },
    commit(count: number) {
      head += count
    },
  }
}

type Step =
  | { do: 'commit'; count: number }
  | { do: 'wake' | 'stop' | 'take' | 'rights lost' | 'rights back' | 'pass' }
  | { do: 'subscribe'; room: number; back: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('commit' as const), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    do: fc.constantFrom('wake' as const, 'wake' as const, 'stop' as const, 'take' as const, 'pass' as const),
  }),
  fc.record({ do: fc.constantFrom('rights lost' as const, 'rights back' as const) }),
  fc.record({ do: fc.constant('subscribe' as const), room: fc.nat(3), back: fc.nat(60) }),
)

const mayFollow = () => Promise.resolve(true)
const turn = () => new Promise((resolve) => setImmediate(resolve))

it('has each event of its rooms once, whatever happens meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const at = world()
      const sink = new SlowSink()
      let rights = true
      const stream = new Stream({
        hub: at.hub,
        sink,
        mayFollow: () => (rights ? Promise.resolve(true) : Promise.reject(new Error('no database'))),
        limits,
        onTrouble: () => {},
        onEnd: () => {},
      })
      at.hub.opened()
      const since = new Map<Room, number>()
      for (const one of steps) {
        if (one.do === 'commit') at.commit(one.count)
        else if (one.do === 'wake') void at.feed.wake()
        else if (one.do === 'stop') sink.stopped = true
        else if (one.do === 'take') sink.take()
        else if (one.do === 'pass') await turn()
        else if (one.do === 'subscribe') {
          const room = rooms[one.room] ?? 'tenant'
          const from = Math.max(0, at.head - one.back)
          if (!since.has(room)) since.set(room, from)
          stream.subscribe(room, at.cursors.of(tenantId, from))
        } else rights = one.do === 'rights back'
      }
      rights = true
      await at.feed.wake()
      for (let n = 0; n < 500 && !(stream.live && at.hub.position === at.head) && since.size > 0; n++) {
        sink.take()
        await at.feed.wake()
        // A try that failed is made again by a timer, which many turns may come before.
        await (n < 50 ? turn() : pause(1))
      }
      const wanted = Array.from({ length: at.head }, (_, n) => eventAt(n + 1))
        .filter((event) => roomsOf(event).some((room) => event.position > (since.get(room) ?? Infinity)))
        .map(({ position }) => position)
      expect(sink.positions.toSorted((a, b) => a - b)).toEqual(wanted)
      if (since.size === 1) expect(sink.positions).toEqual(wanted)
      expect(sink.resets).toEqual([])
      expect(sink.most).toBeLessThan(limits.unsentBytes + largestPage * 600)
      stream.end('stopping')
      at.hub.closed()
    }),
    { numRuns: 300 },
  )
})

it.each([
  { from: 'what the hub remembers', commitBeforeOpened: 0, commitAfter: 600 },
  { from: 'the database', commitBeforeOpened: 600, commitAfter: 0 },
])('encodes what readers read again once for all who are at the same place: from $from', async (given) => {
  const at = world()
  const start = at.hub.cursor
  at.commit(given.commitBeforeOpened)
  await at.feed.wake()
  at.hub.opened()
  at.commit(given.commitAfter)
  await at.feed.wake()
  const sinks = [new SlowSink(), new SlowSink(), new SlowSink()]
  for (const sink of sinks) {
    const stream = new Stream({ hub: at.hub, sink, mayFollow, limits, onTrouble: () => {}, onEnd: () => {} })
    stream.subscribe('tenant', start)
  }
  await vi.waitFor(() => expect(sinks.map(({ positions }) => positions.length)).toEqual([600, 600, 600]))
  const [first, ...others] = sinks.map(({ batches }) => batches)
  for (const batches of others) batches.forEach((batch, n) => expect(batch).toBe(first?.[n]))
})
