import { useEffect, useRef, useState } from 'preact/hooks'

/** Asks at once, and again no sooner than so long after: what changes every second is not read every second. */
const paceMs = 5000

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
