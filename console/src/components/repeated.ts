import { useEffect, useRef, useState } from 'preact/hooks'

/**
 * Does something again and again while the page is looked at, and once when it is looked at again: for what no stream
 * tells. Nothing where `everyMs` is undefined.
 */
export function useRepeated(everyMs: number | undefined, work: () => void): void {
  const latest = useRef(work)
  latest.current = work
  useEffect(() => {
    if (everyMs === undefined) return
    let missed = false
    const turn = () => {
      missed = document.hidden
      if (!missed) latest.current()
    }
    const onVisible = () => {
      if (missed && !document.hidden) turn()
    }
    const timer = setInterval(turn, everyMs)
    document.addEventListener('visibilitychange', onVisible)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }, [everyMs])
}

/** The time, for what is shown of it. */
export function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date())
  useRepeated(everyMs, () => setNow(new Date()))
  return now
}
