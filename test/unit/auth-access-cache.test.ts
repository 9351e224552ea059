import { setImmediate as pause } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { AccessCache } from '../../src/auth/access-cache.ts'
import { isTransient } from '../../src/store/connection-error.ts'

/** A database of a few rows whose answers are held back until they are let go. */
function database() {
  const rows = new Map<string, string>([['a', 'first']])
  const queries: string[][] = []
  let held: (() => void)[] = []
  let holding = false
  return {
    rows,
    queries,
    hold() {
      holding = true
    },
    release() {
      for (const go of held) go()
      held = []
    },
    /** So many queries, one after the other. */
    async answer(count: number) {
      for (let n = 0; n < count; n += 1) {
        // oxlint-disable-next-line no-await-in-loop -- the next one comes when this one is answered
        await vi.waitFor(() => expect(held).toHaveLength(1), { interval: 1 })
        this.release()
      }
      await pause()
    },
    async load(keys: readonly string[]) {
      queries.push([...keys])
      const seen = new Map([...rows].filter(([key]) => keys.includes(key)))
      if (holding) await new Promise<void>((resolve) => held.push(resolve))
      return seen
    },
  }
}

function cacheOn(store: Pick<ReturnType<typeof database>, 'load'>, most = 20) {
  let now = 0
  const load = (keys: readonly string[]) => store.load(keys)
  const cache = new AccessCache<string>({ load, holdMs: 2000, most, elapsed: () => now })
  return { cache, pass: (ms: number) => (now += ms) }
}

describe('what is remembered of access', () => {
  it('C1: is asked for anew after its time, counted from when it was asked for', async () => {
    const store = database()
    const { cache, pass } = cacheOn(store)
    expect(await cache.get('a')).toBe('first')
    store.rows.set('a', 'second')
    pass(1999)
    expect(await cache.get('a')).toBe('first')
    pass(1)
    expect(await cache.get('a')).toBe('second')
  })

  it('C1: is no answer any more when it cannot be asked for anew', async () => {
    const store = database()
    const { cache, pass } = cacheOn(store)
    await cache.get('a')
    store.load = () => Promise.reject(new Error('away'))
    pass(2000)
    await expect(cache.get('a')).rejects.toThrow('away')
    await expect(cache.get('a')).rejects.toThrow('away')
  })

  it('C1: is forgotten when it is told of a change, also one of while it asks', async () => {
    const store = database()
    const { cache } = cacheOn(store)
    store.hold()
    const before = cache.get('a')
    store.rows.delete('a')
    cache.invalidate()
    const after = cache.get('a')
    await store.answer(3)
    expect(await before).toBeUndefined()
    expect(await after).toBeUndefined()
    expect(await cache.get('a')).toBeUndefined()
  })

  it('C1: is an answer of before to who asked before it changed, where it changes all the time, and to nobody after', async () => {
    const store = database()
    const { cache } = cacheOn(store)
    store.hold()
    const before = cache.get('a')
    cache.invalidate()
    await store.answer(1)
    store.rows.delete('a')
    cache.invalidate()
    const after = cache.get('a')
    await store.answer(2)
    expect(await before).toBe('first')
    expect(await after).toBeUndefined()
  })

  it('C1: is asked for once more where the answer took too long, also by one who came later, and then an error', async () => {
    const store = database()
    const { cache, pass } = cacheOn(store)
    store.hold()
    const first = cache.get('a')
    pass(1999)
    const later = cache.get('a')
    pass(1)
    store.rows.set('a', 'second')
    await store.answer(1)
    expect(store.queries).toEqual([['a'], ['a']])
    pass(1999)
    await store.answer(1)
    expect(await Promise.all([first, later])).toEqual(['second', 'second'])
    pass(1)
    const late = cache.get('a').catch((error: unknown) => error)
    pass(2000)
    await store.answer(1)
    pass(2000)
    await store.answer(1)
    expect(isTransient(await late)).toBe(true)
  })

  it('C2: is asked for once, however many want to know, and what is unknown too', async () => {
    const store = database()
    const { cache } = cacheOn(store)
    expect(await Promise.all(Array.from({ length: 100 }, () => cache.get('x')))).toEqual(Array(100).fill(undefined))
    expect(store.queries).toEqual([['x']])
    store.queries.length = 0
    store.hold()
    const first = cache.get('a')
    const others = ['b', 'c', 'a', 'b'].map((key) => cache.get(key))
    store.release()
    await first
    await Promise.resolve()
    store.release()
    await Promise.all(others)
    expect(store.queries).toEqual([['a'], ['b', 'c']])
  })

  it('C3: is bounded, and unknown keys push out no known one', async () => {
    const store = database()
    const { cache } = cacheOn(store)
    await cache.get('a')
    for (let n = 0; n < 100; n += 1) await cache.get(`made up ${n}`)
    store.queries.length = 0
    expect(await cache.get('a')).toBe('first')
    await cache.get('made up 0')
    expect(store.queries).toEqual([['made up 0']])
  })
})
