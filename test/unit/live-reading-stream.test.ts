import { expect, it, vi } from 'vitest'
import { ReadingHub } from '../../src/live/reading-hub.ts'
import { ReadingStream } from '../../src/live/reading-stream.ts'
import { TailCursors } from '../../src/live/tail-cursor.ts'
import type { FoundReading } from '../../src/store/reading-search.ts'
import type { Committed } from '../../src/store/reading-tail.ts'
import type { TenantDatabase } from '../../src/store/transactions.ts'

const unsentBytes = 100_000
const bytesEach = 4000
const limits = { replayedEvents: 1, unsentBytes, rightsMs: 60_000, retryMs: 0 }

/** Takes what is written only when it is told to. */
class SlowSink {
  readonly kind = 'sse'
  readonly written: Buffer[] = []
  unsentBytes = 0
  #waiting: (() => void)[] = []

  events({ sse }: { sse: Buffer }): void {
    this.written.push(sse)
    this.unsentBytes += sse.length
  }

  take(): void {
    this.unsentBytes = 0
    for (const go of this.#waiting.splice(0)) go()
  }

  async drained(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  reset(): void {}
  expiring(): void {}
  caughtUp(): void {}
  heartbeat(): void {}
  end(): void {}
  cut(): void {}
}

const readingAt = (receivedAt: number) => ({ id: String(receivedAt), part: 0, receivedAt }) as FoundReading
const encode = ({ id }: FoundReading) => JSON.stringify({ id, payload: 'x'.repeat(bytesEach) })

/** A tenant whose readings are committed when this says so. */
function world() {
  let committed = 0
  let told = 0
  const look = (): Committed => {
    const readings = Array.from({ length: committed - told }, (_, n) => readingAt(told + n))
    told = committed
    return { upTo: String(told), readings, before: 0 }
  }
  let begun = false
  const withTenant = async () => {
    if (begun) return look()
    begun = true
    return '0'
  }
  const cursors = new TailCursors({ encryption: Buffer.alloc(32, 1), nonce: Buffer.alloc(32, 2) })
  const tenants = { withTenant } as unknown as Pick<TenantDatabase, 'withTenant'>
  const hub = new ReadingHub({ tenantId: 'a', tenants, cursors, onTrouble: () => {}, pauseMs: 1 })
  return { hub, commit: (count: number) => (committed += count) }
}

const follower = {
  limits,
  encode,
  mayFollow: async () => true,
  wants: () => true,
  onTrouble: () => {},
  onEnd: () => {},
  since: undefined,
}

async function follow(hub: ReadingHub): Promise<SlowSink> {
  const sink = new SlowSink()
  await new ReadingStream({ ...follower, hub, sink }).follow()
  return sink
}

/** What was sent, and what was said not to be. */
function counted({ written }: SlowSink): number {
  const all = Buffer.concat(written).toString()
  const skipped = [...all.matchAll(/"count":(\d+)/g)].map(([, count]) => Number(count))
  return idsOf({ written }).length + skipped.reduce((sum, count) => sum + count, 0)
}

function idsOf({ written }: Pick<SlowSink, 'written'>): number[] {
  return [
    ...Buffer.concat(written)
      .toString()
      .matchAll(/"id":"(\d+)"/g),
  ].map(([, id]) => Number(id))
}

it('little waits for a reader who does not read, and what waits is there once for all of them', async () => {
  const { hub, commit } = world()
  const sinks = [await follow(hub), await follow(hub)]
  commit(900)
  await vi.waitFor(() => expect(sinks[0]?.unsentBytes).toBeGreaterThan(unsentBytes))
  const [one, other] = sinks.map(({ written }) => written)
  expect(one?.length).toBeGreaterThan(20)
  expect(one?.every((buffer, index) => buffer === other?.[index])).toBe(true)
  for (const sink of sinks) expect(sink.unsentBytes).toBeLessThan(unsentBytes + 2 * bytesEach)
})

it('a reader who pauses has all of it in order, and of more than waits for it the newest and how many those were not', async () => {
  const { hub, commit } = world()
  const sink = await follow(hub)
  const takesUntil = (total: number) =>
    vi.waitFor(
      () => {
        sink.take()
        expect(counted(sink)).toBe(total)
      },
      { timeout: 10_000, interval: 2 },
    )
  commit(600)
  await takesUntil(600)
  expect(idsOf(sink)).toEqual(Array.from({ length: 600 }, (_, n) => n))
  commit(1500)
  await takesUntil(2100)
  const ids = idsOf(sink)
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  expect(ids.at(-1)).toBe(2099)
  expect(ids.length).toBeLessThan(2100)
})
