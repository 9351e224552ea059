import type { Span } from './moments.ts'

/** A change of what a space showed, as its history has it. */
export interface Change {
  recorded_at: string
  event_time: string
  kind: string
  cause: { type: string; [more: string]: unknown }
  rule: string
  state: { status: string; stale: boolean; occupancy: string; since: string | null; version: number }
}

/** One status for a time. */
export interface Band {
  fromMs: number
  toMs: number
  status: string
  stale: boolean
}

const nothing = { status: 'unknown', stale: false }

/** @param changes the oldest first @param before what was shown when the span begins; null where nothing was */
export function bandsOf(changes: readonly Change[], { before, span }: { before: Change | null; span: Span }): Band[] {
  const bands: Band[] = []
  let state = before?.state ?? nothing
  let sinceMs = span.fromMs
  const close = (toMs: number) => {
    if (toMs <= sinceMs) return
    const last = bands.at(-1)
    if (last !== undefined && last.status === state.status && last.stale === state.stale) last.toMs = toMs
    else bands.push({ fromMs: sinceMs, toMs, status: state.status, stale: state.stale })
    sinceMs = toMs
  }
  for (const change of changes) {
    const atMs = Date.parse(change.recorded_at)
    if (atMs >= span.toMs) break
    close(Math.max(atMs, span.fromMs))
    state = change.state
  }
  close(span.toMs)
  return bands
}

/** The last change that had been recorded by then. */
export function changeAt(changes: readonly Change[], atMs: number): Change | undefined {
  return changes.findLast(({ recorded_at: at }) => Date.parse(at) <= atMs)
}

/** What was read, and what was heard since; each once, in the order of their recording. */
export function withHeard(read: readonly Change[], heard: readonly Change[]): Change[] {
  const known = new Set(read.map(keyOf))
  const newest = Date.parse(read.at(-1)?.recorded_at ?? '')
  const isNews = (change: Change) => !known.has(keyOf(change)) && !(Date.parse(change.recorded_at) < newest)
  return [...read, ...heard.filter(isNews)]
}

export function keyOf({ recorded_at: at, kind, state }: Change): string {
  return `${state.version} ${at} ${kind}`
}
