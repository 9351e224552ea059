import type { Status } from '../occupancy/state.ts'
import type { Transition } from '../store/replayed-spaces.ts'

/**
 * Two histories of one space, what was recorded and what was replayed, taken in side by side: which transitions are in one
 * alone, and how long they disagreed about what people see. A transition is the same where its kind and its time are.
 * Either may be ahead of the other. Where both have come equally far, `settle` forgets what is far behind, so that no more is
 * held than the last of them; a correction that comes after more than a hundred transitions counts from there.
 */
export interface Change {
  readonly change: 'removed' | 'added'
  readonly transition: Transition
}

export interface SpaceDifference {
  readonly recorded: number
  readonly replayed: number
  readonly removed: number
  readonly added: number
  readonly disagreementMs: number
}

const mostHeld = 256
const keptAtLeast = 128
const keptOfEqual = 3

export class SpaceComparison {
  readonly #onChange: (change: Change) => void
  readonly #recorded: Timeline
  readonly #replayed: Timeline
  /** In one history alone so far: above zero recorded, below zero replayed. */
  readonly #unmatched = new Map<string, { balance: number; transition: Transition }>()
  readonly #counts = { recorded: 0, replayed: 0, removed: 0, added: 0, disagreementMs: 0 }

  /** @param status what people see where both histories begin */
  constructor(status: Status, onChange: (change: Change) => void) {
    this.#recorded = new Timeline(status)
    this.#replayed = new Timeline(status)
    this.#onChange = onChange
  }

  recorded(transition: Transition): void {
    this.#counts.recorded++
    this.#take(transition, 1)
    this.#recorded.say(transition)
  }

  replayed(transition: Transition): void {
    this.#counts.replayed++
    this.#take(transition, -1)
    this.#replayed.say(transition)
  }

  /** @param endAt until when what was said last holds */
  finish(endAt: number): SpaceDifference {
    this.#settleChanges(0)
    this.#counts.disagreementMs += disagreement(this.#recorded, this.#replayed, endAt)
    return this.#counts
  }

  #take(transition: Transition, one: 1 | -1): void {
    const key = `${transition.kind} ${transition.eventTime}`
    const balance = (this.#unmatched.get(key)?.balance ?? 0) + one
    if (balance === 0) this.#unmatched.delete(key)
    else this.#unmatched.set(key, { balance, transition })
  }

  /** To be called where both histories are taken in up to the same input. */
  settle(): void {
    if (this.#unmatched.size > mostHeld) this.#settleChanges(keptAtLeast)
    // Of histories that agree little is needed: a correction is of both.
    const [most, keep] = this.#unmatched.size === 0 ? [4 * keptOfEqual, keptOfEqual] : [mostHeld, keptAtLeast / 2]
    if (this.#recorded.length + this.#replayed.length <= most) return
    const until = Math.min(this.#recorded.startOfLast(keep), this.#replayed.startOfLast(keep))
    this.#counts.disagreementMs += disagreement(this.#recorded, this.#replayed, until)
    this.#recorded.forget(until)
    this.#replayed.forget(until)
  }

  #settleChanges(keep: number): void {
    const oldest = [...this.#unmatched].slice(0, this.#unmatched.size - keep)
    for (const [key, { balance, transition }] of oldest) {
      this.#unmatched.delete(key)
      const change = balance > 0 ? 'removed' : 'added'
      this.#counts[change] += Math.abs(balance)
      for (let n = 0; n < Math.abs(balance); n++) this.#onChange({ change, transition })
    }
  }
}

/** What people see, from when on. Whoever says something of a moment takes back what was said of later ones. */
class Timeline {
  #spans: { from: number; status: Status }[]

  constructor(status: Status) {
    this.#spans = [{ from: -Infinity, status }]
  }

  get length(): number {
    return this.#spans.length
  }

  get spans(): readonly { from: number; status: Status }[] {
    return this.#spans
  }

  say({ eventTime, status }: Transition): void {
    while (this.#spans.length > 1 && (this.#spans.at(-1)?.from ?? -Infinity) >= eventTime) this.#spans.pop()
    if (this.#spans.at(-1)?.status !== status) this.#spans.push({ from: eventTime, status })
  }

  /** Infinity where there are not so many. */
  startOfLast(count: number): number {
    return this.#spans.at(-count)?.from ?? Infinity
  }

  forget(until: number): void {
    const first = this.#spans.findLastIndex(({ from }) => from <= until)
    this.#spans = this.#spans.slice(Math.max(first, 0))
    const [oldest] = this.#spans
    if (oldest !== undefined) oldest.from = until
  }
}

function disagreement(a: Timeline, b: Timeline, endAt: number): number {
  let [sum, indexA, indexB] = [0, 0, 0]
  let at = -Infinity
  while (at < endAt) {
    const nextA = a.spans[indexA + 1]?.from ?? Infinity
    const nextB = b.spans[indexB + 1]?.from ?? Infinity
    const next = Math.min(nextA, nextB, endAt)
    if (a.spans[indexA]?.status !== b.spans[indexB]?.status) {
      sum += Math.max(0, next - Math.max(at, startOf(a), startOf(b)))
    }
    if (nextA === next) indexA++
    if (nextB === next) indexB++
    at = next
  }
  return sum
}

function startOf({ spans }: Timeline): number {
  return spans[0]?.from ?? -Infinity
}
