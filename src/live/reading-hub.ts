import type { FoundReading, ReadingKey } from '../store/reading-search.ts'
import {
  currentSnapshot,
  isKnownSnapshot,
  selectCommitted,
  type Committed,
  type Snapshot,
} from '../store/reading-tail.ts'
import type { TenantDatabase, TenantTransaction } from '../store/transactions.ts'
import type { TailCursors, TailMark } from './tail-cursor.ts'

/** A reading at its place, encoded once for all who get it, and not before somebody does. */
export class TailedReading {
  readonly reading: FoundReading
  /** What is behind it follows. */
  readonly mark: TailMark
  #sse: Buffer | undefined

  constructor(reading: FoundReading, mark: TailMark) {
    this.reading = reading
    this.mark = mark
  }

  /** @param encode whoever comes first makes it, for all of them the same */
  sse(encode: () => string): Buffer {
    this.#sse ??= Buffer.from(encode())
    return this.#sse
  }
}

/** Readings in order, and how many came before these and are not told. */
export interface Told {
  readonly readings: readonly TailedReading[]
  readonly before: number
}

export interface TailReader {
  offer(told: Told): void
}

export interface ReadingHubOptions {
  tenantId: string
  tenants: Pick<TenantDatabase, 'withTenant'>
  cursors: TailCursors
  onTrouble: (error: unknown) => void
  /** Between two looks at the database; more where they take long. */
  pauseMs: number
}

/** Readings that one look brings at most. */
const mostAtATime = 2000
/** Readings that are told at most to one who comes back. */
const mostReplayed = 1000
/** Within which one may come back: less than the tail looks back. */
const replayedMs = 86_400_000
/** Of its time, looking takes at most one part in so many. */
const restShare = 10

/**
 * The readings of a tenant as they are committed, read once for all streams of this process, and as long as there is one.
 */
export class ReadingHub {
  readonly #options: ReadingHubOptions
  readonly #readers = new Set<TailReader>()
  readonly #cursors = new WeakMap<TailMark, string>()
  #at: TailMark | undefined
  #beginning: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #ticking = false

  constructor(options: ReadingHubOptions) {
    this.#options = options
  }

  get readers(): number {
    return this.#readers.size
  }

  /**
   * Calls back with all that is committed behind the place that is returned. `fresh`: a place that is behind all that anybody
   * has been told of by now, by whichever process. Rejects where the database cannot be asked.
   */
  async follow(reader: TailReader, { fresh }: { fresh: boolean }): Promise<TailMark> {
    let isFresh = !fresh
    while (this.#at === undefined || !isFresh) {
      // oxlint-disable-next-line no-await-in-loop -- once more where all others left meanwhile
      isFresh = (await this.#moveOn()) || isFresh
    }
    this.#readers.add(reader)
    if (!this.#ticking) this.#tickIn(this.#options.pauseMs)
    return this.#at
  }

  leave(reader: TailReader): void {
    this.#readers.delete(reader)
    // The next tick finds that nobody is there.
    if (this.#readers.size === 0) this.#at = undefined
  }

  /** The cursor of a place, or of where this one is. */
  cursorOf(mark: TailMark | undefined = this.#at): string | undefined {
    if (mark === undefined) return undefined
    const cursor = this.#cursors.get(mark) ?? this.#options.cursors.of(this.#options.tenantId, mark)
    this.#cursors.set(mark, cursor)
    return cursor
  }

  /** What was committed between a cursor and a place. Undefined where that cannot be told. */
  async between(cursor: string, until: TailMark): Promise<Told | undefined> {
    const { cursors, tenantId, tenants } = this.#options
    const from = cursors.read(tenantId, cursor)
    if (from === undefined || Date.now() - from.at > replayedMs) return undefined
    return await tenants.withTenant(tenantId, async (tx) => {
      const behind = from.within?.upTo ?? from.after
      if (!(await isKnownSnapshot(tx, behind))) return undefined
      const rest = from.within === undefined ? nothing : await told(tx, from, behind)
      const later = await told(tx, { at: from.at, after: behind }, until.after)
      // Of what has a gap in it, the end.
      if (later.before > 0) return { ...later, before: rest.before + rest.readings.length + later.before }
      return { readings: [...rest.readings, ...later.readings], before: rest.before }
    })
  }

  /** By a look that begins now, or from the beginning. False where that had begun before. */
  async #moveOn(): Promise<boolean> {
    if (this.#at !== undefined) {
      await this.#looking?.catch(() => {})
      await this.#look()
      return true
    }
    const isOwn = this.#beginning === undefined
    this.#beginning ??= this.#begin().finally(() => (this.#beginning = undefined))
    await this.#beginning
    return isOwn
  }

  async #begin(): Promise<void> {
    const { tenants, tenantId } = this.#options
    const after = await tenants.withTenant(tenantId, currentSnapshot)
    this.#at ??= { at: Date.now(), after }
  }

  #tickIn(pauseMs: number): void {
    this.#ticking = true
    setTimeout(() => void this.#tick(), pauseMs).unref()
  }

  async #tick(): Promise<void> {
    const { pauseMs, onTrouble } = this.#options
    const began = performance.now()
    try {
      await this.#look()
    } catch (error) {
      onTrouble(error)
    }
    const restMs = (performance.now() - began) * restShare
    if (this.#readers.size > 0) this.#tickIn(Math.max(pauseMs, restMs))
    else this.#ticking = false
  }

  #look(): Promise<void> {
    this.#looking ??= this.#readOn().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #readOn(): Promise<void> {
    const from = this.#at
    if (from === undefined) return
    const { tenants, tenantId } = this.#options
    const committed = await tenants.withTenant(tenantId, (tx) =>
      selectCommitted(tx, { place: from, limit: mostAtATime }),
    )
    // All have left meanwhile: whoever comes begins anew.
    if (this.#at !== from) return
    this.#at = { at: Date.now(), after: committed.upTo }
    if (committed.readings.length > 0) this.#offer({ readings: marked(committed, from), before: committed.before })
  }

  #offer(all: Told): void {
    for (const reader of this.#readers) {
      try {
        reader.offer(all)
      } catch (error) {
        this.#options.onTrouble(error)
      }
    }
  }
}

const nothing: Told = { readings: [], before: 0 }

async function told(tx: TenantTransaction, from: TailMark, upTo: Snapshot): Promise<Told> {
  const committed = await selectCommitted(tx, { place: from, upTo, limit: mostReplayed })
  return { readings: marked(committed, from), before: committed.before }
}

/** The last one's place is that of all of them: it needs no key. */
function marked({ upTo, readings }: Committed, { after }: TailMark): TailedReading[] {
  const at = Date.now()
  return readings.map((reading, index) => {
    const isLast = index === readings.length - 1
    const mark = isLast ? { at, after: upTo } : { at, after, within: { upTo, key: keyOf(reading) } }
    return new TailedReading(reading, mark)
  })
}

function keyOf({ receivedAt, id, part }: FoundReading): ReadingKey {
  return { receivedAt, id, part }
}
