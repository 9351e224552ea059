import type { Gap, RecordedEvent } from '../store/events.ts'
import type { Cursors } from './cursor.ts'
import { Batch, EncodedEvent } from './event-body.ts'
import type { Feed } from './feed.ts'
import { roomsOf, type Room } from './rooms.ts'

/** Whoever is told of events as they come; see stream.ts. */
export interface LiveReader {
  /** @param before the position that the events follow; in order, and all that are heard in the reader's rooms */
  offer(batch: Batch, before: number): void
}

export interface StreamHubOptions {
  tenantId: string
  feed: Feed
  cursors: Cursors
  readGap: (behind: { after: number; limit: number }) => Promise<Gap>
}

/** Most that are remembered for those who were away for a moment. */
const remembered = 1000
/** Events that are sent to one reader in one go. */
const slice = 250

/** What followed a position; or `unknown`: it is of the future, or what followed it is gone. */
export type Following = { events: Batch; upTo: number; head: number } | 'unknown'

/**
 * One tenant's events for all streams of this process: encoded once, and handed to those who have caught up. The others read
 * on their own from what is remembered here, or from the database.
 */
export class StreamHub {
  readonly tenantId: string
  readonly #options: StreamHubOptions
  readonly #readers = new Map<Room, Set<LiveReader>>()
  readonly #reading = new Map<number, Promise<Following>>()
  #streams = 0
  #stop: (() => void) | undefined
  /** In order, without a gap, behind `#from`. */
  #recent: EncodedEvent[] = []
  #from = 0
  /** What of it was last asked for, by somebody who was at this position. */
  #page: { position: number; batch: Batch } | undefined
  #cursor: { position: number; id: string } | undefined

  constructor(options: StreamHubOptions) {
    this.#options = options
    this.tenantId = options.tenantId
  }

  /** Of the last event that readers were offered. */
  get position(): number {
    return this.#options.feed.position
  }

  /** The cursor of `position`. */
  get cursor(): string {
    const { position } = this
    if (this.#cursor?.position !== position) this.#cursor = { position, id: this.cursorOf(position) }
    return this.#cursor.id
  }

  cursorOf(position: number): string {
    return this.#options.cursors.of(this.tenantId, position)
  }

  positionOf(cursor: string): number | undefined {
    return this.#options.cursors.positionOf(this.tenantId, cursor)
  }

  /** Events are followed as long as there is a stream. */
  opened(): void {
    this.#streams += 1
    if (this.#stop !== undefined) return
    this.#from = this.position
    this.#stop = this.#options.feed.listen((events) => this.#take(events))
  }

  closed(): void {
    this.#streams -= 1
    if (this.#streams > 0) return
    this.#stop?.()
    this.#stop = undefined
    this.#recent = []
    this.#page = undefined
  }

  join(reader: LiveReader, rooms: Iterable<Room>): void {
    for (const room of rooms) {
      const readers = this.#readers.get(room) ?? new Set()
      this.#readers.set(room, readers.add(reader))
    }
  }

  leave(reader: LiveReader, rooms: Iterable<Room>): void {
    for (const room of rooms) {
      const readers = this.#readers.get(room)
      readers?.delete(reader)
      if (readers?.size === 0) this.#readers.delete(room)
    }
  }

  /**
   * Readers that were held up, or cut, together are at the same place: they get the same page, read and encoded once, so that
   * what waits for them in memory is there once, too.
   * @param position at most `this.position`, or one that was read from the database
   */
  async following(position: number): Promise<Following> {
    if (position >= this.#from && position <= this.position && this.#stop !== undefined) {
      return this.#remembered(position)
    }
    const running = this.#reading.get(position) ?? this.#read(position).finally(() => this.#reading.delete(position))
    this.#reading.set(position, running)
    return await running
  }

  /** The feed is behind what was read from the database: it is told so. */
  async awaitFeed(): Promise<void> {
    await this.#options.feed.wake()
  }

  #remembered(position: number): Following {
    if (this.#page?.position !== position) {
      const start = firstBehind(this.#recent, position)
      this.#page = { position, batch: new Batch(this.#recent.slice(start, start + slice)) }
    }
    const { batch } = this.#page
    const upTo = batch.events.length < slice ? this.position : (batch.events.at(-1)?.position ?? this.position)
    return { events: batch, upTo, head: this.position }
  }

  async #read(after: number): Promise<Following> {
    const { events, head, droppedUntil } = await this.#options.readGap({ after, limit: slice })
    if (after < droppedUntil || after > head) return 'unknown'
    const upTo = events.length < slice ? head : (events.at(-1)?.position ?? head)
    return { events: new Batch(events.map((event) => this.#encode(event))), upTo, head }
  }

  #encode(event: RecordedEvent): EncodedEvent {
    return new EncodedEvent(event, (position) => this.cursorOf(position))
  }

  #take(recorded: readonly RecordedEvent[]): void {
    const before = this.#recent.at(-1)?.position ?? this.#from
    const events = recorded.map((event) => this.#encode(event))
    this.#recent.push(...events)
    this.#page = undefined
    const surplus = this.#recent.length - remembered
    if (surplus > 0) this.#from = this.#recent.splice(0, surplus).at(-1)?.position ?? this.#from
    this.#offer(events, before)
  }

  #offer(events: readonly EncodedEvent[], before: number): void {
    const all = new Batch(events)
    const followAll = this.#readers.get('tenant') ?? new Set()
    for (const reader of followAll) reader.offer(all, before)
    for (const [reader, some] of this.#ofRooms(events, followAll)) reader.offer(new Batch(some), before)
  }

  /** Each event once for each reader, though it be heard in two of their rooms. */
  #ofRooms(events: readonly EncodedEvent[], except: ReadonlySet<LiveReader>): Map<LiveReader, EncodedEvent[]> {
    const found = new Map<LiveReader, EncodedEvent[]>()
    for (const event of events) {
      for (const room of roomsOf(event.event)) {
        if (room === 'tenant') continue
        for (const reader of this.#readers.get(room) ?? []) {
          const own = found.get(reader) ?? []
          if (!except.has(reader) && own.at(-1) !== event) own.push(event)
          if (own.length > 0) found.set(reader, own)
        }
      }
    }
    return found
  }
}

/** The place of the first event behind a position, in events that are in order. */
function firstBehind(events: readonly EncodedEvent[], position: number): number {
  let [low, high] = [0, events.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((events[middle]?.position ?? 0) <= position) low = middle + 1
    else high = middle
  }
  return low
}
