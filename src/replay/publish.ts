import { setTimeout as pause } from 'node:timers/promises'
import type { Publisher } from '../mqtt/publisher.ts'
import { matcher, type ReadingFilter } from './filter.ts'
import { readReplayFile } from './replay-file.ts'

/** A logged message as it is published again. A redrive is none where its original is published. */
interface FiledMessage extends Position {
  readonly topic: string
  readonly payload: Buffer
}

/** Place of a message in the order of arrival. */
export interface Position {
  readonly receivedAt: number
  readonly id: string
}

export interface CountedMessages {
  readonly messages: number
  readonly readings: number
}

interface Chosen {
  readonly path: string
  readonly filter: ReadingFilter
}

/** Reads the whole file, and so checks it, before anything is published. */
export async function countMessages({ path, filter }: Chosen): Promise<CountedMessages> {
  const isChosen = matcher(filter)
  let [messages, readings] = [0, 0]
  const isNew = newMessages()
  for await (const batch of readReplayFile(path)) {
    for (const reading of batch) {
      if (!isChosen(reading)) continue
      readings++
      if (isNew(reading)) messages++
    }
  }
  return { messages, readings }
}

async function* messagesOf({ path, filter }: Chosen): AsyncGenerator<FiledMessage> {
  const isChosen = matcher(filter)
  const isNew = newMessages()
  for await (const batch of readReplayFile(path)) {
    for (const reading of batch) if (isChosen(reading) && isNew(reading)) yield reading
  }
}

/** A redrive is logged under an id of its own, at the time at which its original arrived, and behind it. */
function newMessages(): (reading: Position & { redriveOf: string | null }) => boolean {
  let arrivedAt = Number.NaN
  const ids = new Set<string>()
  return ({ receivedAt, id, redriveOf }) => {
    if (receivedAt !== arrivedAt) ids.clear()
    arrivedAt = receivedAt
    const isNew = !ids.has(id) && (redriveOf === null || !ids.has(redriveOf))
    ids.add(id)
    return isNew
  }
}

export interface PublishOptions extends Chosen {
  readonly publisher: Publisher
  /** In front of each topic. */
  readonly prefix: string
  /** Times faster than the messages arrived. */
  readonly speed: number | 'max'
  /** What lies behind it is published. */
  readonly after: Position | undefined
  /** It ends when nothing is acknowledged for so long. */
  readonly giveUpMs: number
  readonly signal: AbortSignal
  /** Told of the last message before which all are acknowledged, it included. */
  readonly onProgress: (done: number, position: Position) => void
}

export interface Published {
  readonly acknowledged: number
  /** Acknowledged before, by an earlier run. */
  readonly skipped: number
  readonly seconds: number
  /** Why it ended before its time; undefined where all is acknowledged. */
  readonly stopped: 'interrupted' | 'silent' | { readonly failure: unknown } | undefined
}

/** Longest that an interrupted run waits for what is on its way. */
const lastAcknowledgementsMs = 5000

/** Publishes at QoS 1, in the order of arrival; ends when all is acknowledged, or says why not. */
export async function publishMessages(options: PublishOptions): Promise<Published> {
  const { publisher, after, signal } = options
  const startedAt = performance.now()
  const sending = new Sending(options)
  let skipped = 0
  try {
    for await (const message of messagesOf(options)) {
      if (after !== undefined && !isBehind(message, after)) skipped++
      else await sending.send(message, skipped)
      if (signal.aborted || sending.stopped !== undefined) break
    }
    await sending.settle()
  } finally {
    sending.close()
    await publisher.abort()
  }
  return {
    acknowledged: sending.acknowledged,
    skipped,
    seconds: (performance.now() - startedAt) / 1000,
    stopped: sending.stopped ?? (signal.aborted ? 'interrupted' : undefined),
  }
}

function isBehind(a: Position, b: Position): boolean {
  return a.receivedAt === b.receivedAt ? a.id > b.id : a.receivedAt > b.receivedAt
}

const watchMs = 250

class Sending {
  acknowledged = 0
  stopped: Published['stopped']
  readonly #options: PublishOptions
  readonly #inFlight: { position: Position; acknowledged: boolean }[] = []
  /** Aborted when there is no more to wait for. */
  readonly #end = new AbortController()
  readonly #watch: NodeJS.Timeout
  #progressAt = performance.now()
  #pace: { startedAt: number; arrivedAt: number } | undefined

  constructor(options: PublishOptions) {
    this.#options = options
    this.#watch = setInterval(() => this.#look(), watchMs)
    options.signal.addEventListener('abort', this.#onInterrupt)
  }

  async send(message: FiledMessage, skipped: number): Promise<void> {
    const { publisher, prefix } = this.#options
    await this.#untilDue(message.receivedAt)
    await this.#orEnd(publisher.room())
    if (this.#end.signal.aborted) return
    if (this.#inFlight.length === 0) this.#progressAt = performance.now()
    const sent = { position: message, acknowledged: false }
    this.#inFlight.push(sent)
    void this.#publish(sent, { topic: prefix + message.topic, payload: message.payload, skipped })
  }

  async #publish(
    sent: { acknowledged: boolean },
    { topic, payload, skipped }: { topic: string; payload: Buffer; skipped: number },
  ): Promise<void> {
    try {
      await this.#options.publisher.publish(topic, payload)
      sent.acknowledged = true
      this.#settled(skipped)
    } catch (failure) {
      this.#stop({ failure })
    }
  }

  /** Waits for the acknowledgements of what was sent. */
  async settle(): Promise<void> {
    if (this.stopped !== undefined) return
    const acknowledged = async () => {
      // oxlint-disable-next-line no-await-in-loop -- it looks at regular times
      while (this.#inFlight.length > 0 && this.stopped === undefined) await pause(10)
    }
    const { signal } = this.#options
    await (signal.aborted ? Promise.race([acknowledged(), pause(lastAcknowledgementsMs)]) : acknowledged())
  }

  close(): void {
    clearInterval(this.#watch)
    this.#options.signal.removeEventListener('abort', this.#onInterrupt)
  }

  readonly #onInterrupt = () => this.#end.abort()

  #settled(skipped: number): void {
    this.#progressAt = performance.now()
    let last: Position | undefined
    while (this.#inFlight[0]?.acknowledged === true) {
      last = this.#inFlight.shift()?.position
      this.acknowledged++
    }
    if (last !== undefined) this.#options.onProgress(skipped + this.acknowledged, last)
  }

  #look(): void {
    const silentMs = performance.now() - this.#progressAt
    if (this.#inFlight.length > 0 && silentMs >= this.#options.giveUpMs) this.#stop('silent')
  }

  #stop(why: NonNullable<Published['stopped']>): void {
    this.stopped ??= why
    this.#end.abort()
  }

  async #untilDue(arrivedAt: number): Promise<void> {
    const { speed } = this.#options
    if (speed === 'max') return
    const now = performance.now()
    this.#pace ??= { startedAt: now, arrivedAt }
    const dueMs = (arrivedAt - this.#pace.arrivedAt) / speed - (now - this.#pace.startedAt)
    if (dueMs > 0) await longPause(dueMs, this.#end.signal)
  }

  async #orEnd(work: Promise<void>): Promise<void> {
    const { signal } = this.#end
    if (signal.aborted) return
    await new Promise<void>((resolve, reject) => {
      const end = () => resolve()
      signal.addEventListener('abort', end)
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
    })
  }
}

/** A timer of Node counts to 24 days. */
const longestTimerMs = 2_000_000_000

async function longPause(milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let left = milliseconds; left > 0 && !signal.aborted; left -= longestTimerMs) {
    // oxlint-disable-next-line no-await-in-loop
    await pause(Math.min(left, longestTimerMs), undefined, { signal }).catch(() => {})
  }
}
