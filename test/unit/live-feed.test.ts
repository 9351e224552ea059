import { describe, expect, it } from 'vitest'
import { Cursors } from '../../src/live/cursor.ts'
import { Feed } from '../../src/live/feed.ts'
import { readRoom, roomsOf, snapshotUrl } from '../../src/live/rooms.ts'
import type { RecordedEvent } from '../../src/store/events.ts'

const event = (position: number) => ({ position }) as RecordedEvent

/** A log that grows, and fails when it is told to. */
function source({ pageSize = 3 } = {}) {
  const log: RecordedEvent[] = []
  const troubles: unknown[] = []
  const state = { fails: false, reads: 0, duringRead: () => {} }
  const feed = new Feed({
    position: 0,
    pageSize,
    read: async (after) => {
      state.reads += 1
      if (state.fails) throw new Error('no database')
      const events = log.filter(({ position }) => position > after).slice(0, pageSize)
      await Promise.resolve()
      state.duringRead()
      return events
    },
    onTrouble: (error) => troubles.push(error),
  })
  return {
    feed,
    log,
    troubles,
    state,
    add: (count: number) => log.push(...Array.from({ length: count }, (_, n) => event(log.length + n + 1))),
  }
}

describe('a feed', () => {
  it('hands over each event once and in order, page by page, to all who listen', async () => {
    const { feed, add } = source()
    const heard: number[][] = [[], []]
    for (const list of heard) feed.listen((events) => list.push(...events.map(({ position }) => position)))
    add(7)
    await Promise.all([feed.wake(), feed.wake(), feed.wake()])
    add(2)
    await feed.wake()
    expect(heard).toEqual([
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ])
    expect(feed.position).toBe(9)
  })

  it('reads again where it was woken while it read, at whatever moment', async () => {
    const { feed, add, state } = source()
    const heard: number[] = []
    feed.listen((events) => heard.push(...events.map(({ position }) => position)))
    add(1)
    let times = 0
    state.duringRead = () => {
      // Behind the look at the log, before what was found is handed over; and right behind that.
      if (times++ > 3) return
      add(1)
      void feed.wake()
      queueMicrotask(() => queueMicrotask(() => void feed.wake()))
    }
    await feed.wake()
    await feed.wake()
    expect(heard).toEqual([1, 2, 3, 4, 5])
  })

  it('goes on where it was after trouble, its own or that of one who listens', async () => {
    const { feed, add, state, troubles } = source()
    const heard: number[] = []
    feed.listen(() => {
      throw new Error('of one who listens')
    })
    feed.listen((events) => heard.push(...events.map(({ position }) => position)))
    add(2)
    state.fails = true
    await feed.wake()
    expect([heard, feed.position]).toEqual([[], 0])
    state.fails = false
    await feed.wake()
    expect(heard).toEqual([1, 2])
    expect(troubles).toHaveLength(2)
  })

  it('hands over nothing once it is closed', async () => {
    const { feed, add, state } = source()
    const heard: unknown[] = []
    feed.listen((events) => heard.push(...events))
    add(1)
    state.duringRead = () => feed.close()
    await feed.wake()
    add(1)
    await feed.wake()
    expect(heard).toEqual([])
  })
})

describe('a cursor', () => {
  const cursors = new Cursors({ encryption: Buffer.alloc(32, 1), nonce: Buffer.alloc(32, 2) })
  const [one, two] = ['01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55', '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c56']

  it('is the same for the same place, of one tenant, under one key', () => {
    for (const position of [0, 1, 255, 2 ** 32, 2 ** 53 - 1]) {
      const cursor = cursors.of(one, position)
      expect(cursors.of(one, position)).toBe(cursor)
      expect(cursors.positionOf(one, cursor)).toBe(position)
      expect(cursors.positionOf(two, cursor)).toBeUndefined()
      expect(
        new Cursors({ encryption: Buffer.alloc(32, 3), nonce: Buffer.alloc(32, 2) }).positionOf(one, cursor),
      ).toBeUndefined()
    }
  })

  it('is none when a bit of it is another, or it is spelled otherwise', () => {
    const cursor = cursors.of(one, 17)
    const bytes = Buffer.from(cursor, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(cursors.positionOf(one, changed.toString('base64url'))).toBeUndefined()
    }
    for (const other of [
      `${cursor}=`,
      ` ${cursor}`,
      cursor.slice(1),
      `${cursor}A`,
      bytes.toString('hex'),
      '',
      'null',
    ]) {
      expect(cursors.positionOf(one, other)).toBeUndefined()
    }
  })
})

describe('a room', () => {
  const id = '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55'

  it('is the tenant, a site or a space', () => {
    expect(['tenant', `site:${id.toUpperCase()}`, `space:${id}`].map(readRoom)).toEqual([
      'tenant',
      `site:${id}`,
      `space:${id}`,
    ])
    for (const none of ['', 'Tenants', 'site:', `zone:${id}`, `site:${id} `, `site:${id}\n`])
      expect(readRoom(none)).toBeUndefined()
  })

  it('is read anew where its states are', () => {
    expect(['tenant', `site:${id}`, `space:${id}`].map((room) => snapshotUrl(room as 'tenant'))).toEqual([
      '/api/v1/spaces?limit=1000',
      `/api/v1/spaces?limit=1000&site_id=${id}`,
      `/api/v1/spaces/${id}`,
    ])
  })

  it('of a space that is not there any more is its own, and the tenant', () => {
    expect(roomsOf({ siteId: null, spaceId: id })).toEqual(['tenant', `space:${id}`])
  })
})
