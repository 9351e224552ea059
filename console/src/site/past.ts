import { signal, type ReadonlySignal } from '@preact/signals'
import { bodyOf, type Requests } from '../requests/requests.ts'
import { SignedOut } from '../requests/problem.ts'
import { Playback } from './playback.ts'
import type { ShownState } from './site-model.ts'

/** The past of a site as it is shown now; undefined while it is the present. */
export interface PastMoment {
  atMs: number
  /** That moment is not known yet: what is shown is of before, or nothing. */
  waiting: boolean
  playing: number | undefined
  error: Error | undefined
}

export interface Period {
  /** `2026-11-21` of the site's time zone; '' for the last 24 hours. */
  day: string
  fromMs: number
  toMs: number
}

/** Whoever drags the slider does not mean every moment on the way. */
const settleMs = 200
/** Between two requests while it plays: a person has 100 a minute for everything. */
const requestEveryMs = 1000
const frameMs = 100
/** A step ahead so small is read on to, instead of read anew. */
const nearMs = 600_000
/** As far ahead it is read while it plays, in time of whoever looks. */
const aheadMs = 4000
const pageItems = '1000'

/**
 * Shows what a site showed: goes to a moment, plays on from there. The plan of a moment is read once; from there on the changes,
 * page by page, are moved over in memory.
 */
export class Past {
  readonly #api: Requests['api']
  readonly #siteId: string
  readonly #moment = signal<PastMoment | undefined>(undefined)
  #period: Period
  #playback: Playback<ShownState> | undefined
  #cursor: string | undefined
  #reading: Promise<void> | undefined
  #lastRequestMs = 0
  #settle: ReturnType<typeof setTimeout> | undefined
  #frames: ReturnType<typeof setInterval> | undefined
  /** Raised when what is under way is not wanted any more. */
  #turn = 0

  constructor({ api, siteId, period }: { api: Requests['api']; siteId: string; period: Period }) {
    this.#api = api
    this.#siteId = siteId
    this.#period = period
  }

  get moment(): ReadonlySignal<PastMoment | undefined> {
    return this.#moment
  }

  /** What is shown; undefined where nothing is known yet. */
  get states(): ReadonlyMap<string, ShownState> | undefined {
    return this.#playback?.shown
  }

  get period(): Period {
    return this.#period
  }

  /** Another day; shows its beginning if it shows the past. */
  setPeriod(period: Period): void {
    this.#period = period
    this.#forget()
  }

  seek(wantedMs: number): void {
    const atMs = Math.min(Math.max(wantedMs, this.#period.fromMs), this.#period.toMs)
    const before = this.#moment.peek()
    this.#set({ atMs, playing: before?.playing, error: undefined })
    clearTimeout(this.#settle)
    const playback = this.#playback
    if (playback?.covers(atMs) === true) {
      playback.moveTo(atMs)
      this.#set({ waiting: false })
    } else {
      this.#set({ waiting: true })
      this.#settle = setTimeout(() => void this.#readTo(atMs), settleMs)
    }
  }

  /** @param speed how many times as fast as it was */
  play(speed: number): void {
    if (this.#moment.peek() === undefined) this.seek(this.#period.fromMs)
    else if ((this.#moment.peek()?.atMs ?? 0) >= this.#period.toMs) this.seek(this.#period.fromMs)
    clearInterval(this.#frames)
    this.#set({ playing: speed })
    let last = performance.now()
    this.#frames = setInterval(() => {
      const now = performance.now()
      this.#frame(speed, now - last)
      last = now
    }, frameMs)
  }

  pause(): void {
    clearInterval(this.#frames)
    if (this.#moment.peek() !== undefined) this.#set({ playing: undefined })
  }

  /** Back to what is shown now. */
  leave(): void {
    clearInterval(this.#frames)
    clearTimeout(this.#settle)
    this.#turn += 1
    this.#moment.value = undefined
  }

  #forget(): void {
    this.leave()
    this.#playback = undefined
    this.#cursor = undefined
  }

  #set(changes: Partial<PastMoment>): void {
    const before = this.#moment.peek() ?? {
      atMs: this.#period.fromMs,
      waiting: true,
      playing: undefined,
      error: undefined,
    }
    this.#moment.value = { ...before, ...changes }
  }

  #frame(speed: number, elapsedMs: number): void {
    const moment = this.#moment.peek()
    const playback = this.#playback
    if (moment === undefined || playback === undefined || !playback.covers(moment.atMs)) return
    const wantedMs = Math.min(moment.atMs + elapsedMs * speed, this.#period.toMs)
    const atMs = Math.min(wantedMs, playback.readToMs)
    playback.moveTo(atMs)
    this.#set({ atMs, waiting: atMs < wantedMs })
    if (atMs >= this.#period.toMs) return this.pause()
    if (playback.readToMs < Math.min(atMs + aheadMs * speed, this.#period.toMs)) {
      this.#readMore(requestEveryMs).catch((error: unknown) => this.#fail(error))
    }
  }

  async #readTo(atMs: number): Promise<void> {
    const turn = (this.#turn += 1)
    const isWanted = () => this.#turn === turn
    try {
      const playback = this.#playback
      if (playback === undefined || atMs < playback.readToMs || atMs - playback.readToMs > nearMs) {
        await this.#readPlan(atMs, isWanted)
      }
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      while (isWanted() && this.#playback?.covers(atMs) === false) await this.#readMore(0)
      if (!isWanted()) return
      this.#playback?.moveTo(this.#moment.peek()?.atMs ?? atMs)
      this.#set({ waiting: false })
    } catch (error) {
      if (isWanted()) this.#fail(error)
    }
  }

  async #readPlan(atMs: number, isWanted: () => boolean): Promise<void> {
    const query = { at: new Date(atMs).toISOString() }
    const { items } = await bodyOf(this.#api.sites[':id'].plan.$get({ param: { id: this.#siteId }, query }))
    if (!isWanted()) return
    this.#playback = new Playback(atMs, new Map(items.map((item) => [item.space_id, item])))
    this.#cursor = undefined
  }

  /** One page of what was recorded next; the one that is on its way, if there is one. */
  #readMore(waitMs: number): Promise<void> {
    this.#reading ??= this.#readPage(waitMs).finally(() => (this.#reading = undefined))
    return this.#reading
  }

  async #readPage(waitMs: number): Promise<void> {
    await pause(this.#lastRequestMs + waitMs - performance.now())
    const playback = this.#playback
    if (playback === undefined) return
    this.#lastRequestMs = performance.now()
    const { toMs } = this.#period
    const query = {
      from: new Date(playback.fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      limit: pageItems,
      ...(this.#cursor === undefined ? {} : { cursor: this.#cursor }),
    }
    const asked = this.#api.sites[':id'].history.$get({ param: { id: this.#siteId }, query })
    const { items, next } = await bodyOf(asked)
    if (this.#playback !== playback) return
    this.#cursor = next ?? undefined
    const last = items.at(-1)
    // More of the same millisecond may be on the next page.
    playback.add(items, next === null || last === undefined ? toMs : Date.parse(last.recorded_at) - 1)
  }

  #fail(thrown: unknown): void {
    if (thrown instanceof SignedOut) return
    clearInterval(this.#frames)
    this.#set({ playing: undefined, error: thrown instanceof Error ? thrown : new Error(String(thrown)) })
  }
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms))
}
