import { LRUCache } from 'lru-cache'

export interface AccessCacheOptions<Value> {
  /** What holds now of all of these, in one query; those that are left out are unknown. */
  load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>
  /** For how long an answer is good, counted from before it was asked for. */
  holdMs: number
  /** Most that are remembered; of those that are unknown a tenth, so that whoever makes them up pushes out nobody. */
  most?: number
  /** Milliseconds of a clock that only goes on. */
  elapsed?: () => number
}

interface Entry<Value> {
  value: Value | undefined
  generation: number
  goodUntil: number
}

interface Pending<Value> {
  promise: Promise<Value | undefined>
  resolve: (value: Value | undefined) => void
  reject: (error: unknown) => void
}

interface Loaded<Value> extends Omit<Entry<Value>, 'value'> {
  values: ReadonlyMap<string, Value>
}

/** Its code is that of a connection: the same may succeed when it is tried again. */
class TooLateError extends Error {
  readonly code = 'ETIMEDOUT'
}

const mostPerQuery = 500

/**
 * What the database said a moment ago of sessions and keys.
 *
 * C1  Nothing is answered that was read longer than `holdMs` ago, however long the answer took, nor, to whoever asks after an
 *     `invalidate`, from before it. This needs no timer and nobody who tells of changes: an answer that cannot be had anew is
 *     an error, and never the old one.
 * C2  However many ask, one query runs at a time, and those who ask meanwhile share the next one.
 * C3  It is bounded, also against those who make keys up.
 */
export class AccessCache<Value> {
  readonly #options: Required<AccessCacheOptions<Value>>
  readonly #known: LRUCache<string, Entry<Value>>
  readonly #unknown: LRUCache<string, Entry<Value>>
  #waiting = new Map<string, Pending<Value>>()
  #asked = new Map<string, Promise<Value | undefined>>()
  #generation = 0
  #running = false

  constructor(options: AccessCacheOptions<Value>) {
    this.#options = { most: 20_000, elapsed: () => performance.now(), ...options }
    this.#known = new LRUCache({ max: this.#options.most })
    this.#unknown = new LRUCache({ max: Math.ceil(this.#options.most / 10) })
  }

  /** Undefined for what the database does not know, or not any more. */
  async get(key: string): Promise<Value | undefined> {
    const entry = this.#known.get(key) ?? this.#unknown.get(key)
    if (entry !== undefined && entry.generation === this.#generation && this.#isInTime(entry)) return entry.value
    return await (this.#asked.get(key) ?? this.#ask(key))
  }

  /** Something changed: whoever asks from now on gets an answer that was read from now on. */
  invalidate(): void {
    this.#generation += 1
    this.#asked = new Map()
  }

  #ask(key: string): Promise<Value | undefined> {
    const waiting = this.#waiting.get(key) ?? pending<Value>()
    this.#waiting.set(key, waiting)
    if (!this.#running) void this.#run()
    return waiting.promise
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.size > 0) {
      const batch = new Map([...this.#waiting].slice(0, mostPerQuery))
      for (const key of batch.keys()) this.#waiting.delete(key)
      // oxlint-disable-next-line no-await-in-loop -- one query at a time
      await this.#loadBatch(batch)
    }
    this.#running = false
  }

  async #loadBatch(batch: ReadonlyMap<string, Pending<Value>>): Promise<void> {
    try {
      const { values, ...read } = await this.#loadInTime(batch)
      for (const [key, { resolve }] of batch) {
        const value = values.get(key)
        this.#keep(key, { value, ...read })
        resolve(value)
      }
    } catch (error) {
      for (const { reject } of batch.values()) reject(error)
    }
  }

  /**
   * Once more where it took too long, or something changed meanwhile. Not more often for changes: where they never end nobody
   * would get an answer, and who asked before them may have one of before.
   */
  async #loadInTime(batch: ReadonlyMap<string, Pending<Value>>): Promise<Loaded<Value>> {
    const first = await this.#load(batch)
    if (this.#isInTime(first) && first.generation === this.#generation) return first
    const second = await this.#load(batch)
    if (!this.#isInTime(second)) throw new TooLateError(`no answer within ${this.#options.holdMs} ms`)
    return second
  }

  async #load(batch: ReadonlyMap<string, Pending<Value>>): Promise<Loaded<Value>> {
    const { load, holdMs, elapsed } = this.#options
    const asked = new Map([...batch].map(([key, { promise }]) => [key, promise]))
    this.#asked = asked
    const generation = this.#generation
    const goodUntil = elapsed() + holdMs
    try {
      return { values: await load([...batch.keys()]), generation, goodUntil }
    } finally {
      if (this.#asked === asked) this.#asked = new Map()
    }
  }

  #isInTime({ goodUntil }: Pick<Entry<Value>, 'goodUntil'>): boolean {
    return this.#options.elapsed() < goodUntil
  }

  #keep(key: string, entry: Entry<Value>): void {
    const [into, other] = entry.value === undefined ? [this.#unknown, this.#known] : [this.#known, this.#unknown]
    other.delete(key)
    into.set(key, entry)
  }
}

function pending<Value>(): Pending<Value> {
  let settle: Omit<Pending<Value>, 'promise'> | undefined
  const promise = new Promise<Value | undefined>((resolve, reject) => {
    settle = { resolve, reject }
  })
  if (settle === undefined) throw new Error('a promise runs its executor at once')
  return { promise, ...settle }
}
