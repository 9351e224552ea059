import { useEffect, useRef, useState } from 'preact/hooks'

/** Asks at once, and again no sooner than so long after: what changes every second is not read every second. */
const paceMs = 4000
/** What no event tells, such as that a sensor was heard of and said the same, is read so often. */
const everyMs = 60_000

/** @returns to be called whenever something has changed */
export function usePaced(read: () => void): () => void {
  const latest = useRef(read)
  latest.current = read
  const state = useRef<{ lastMs: number; timer: ReturnType<typeof setTimeout> | undefined }>({
    lastMs: 0,
    timer: undefined,
  })
  const [changed] = useState(() => () => {
    const { lastMs, timer } = state.current
    if (timer !== undefined) return
    const waitMs = Math.max(0, lastMs + paceMs - performance.now())
    state.current.timer = setTimeout(() => {
      state.current = { lastMs: performance.now(), timer: undefined }
      latest.current()
    }, waitMs)
  })
  useEffect(() => () => clearTimeout(state.current.timer), [])
  return changed
}

export function useNowAndThen(read: () => void): void {
  const latest = useRef(read)
  latest.current = read
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) latest.current()
    }, everyMs)
    return () => clearInterval(timer)
  }, [])
}

/** A value once it has stayed the same for a moment: the first one at once. */
export function useSettled<T>(value: T, waitMs: number): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    if (Object.is(value, settled)) return
    const timer = setTimeout(() => setSettled(value), waitMs)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
