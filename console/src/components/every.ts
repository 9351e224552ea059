import { useEffect, useRef } from 'preact/hooks'

/**
 * Does something again and again for what no stream tells, as long as somebody can see the page; at once when it is seen
 * again after longer than that. Seldom: a person may ask for no more than 100 things a minute.
 */
export function useEvery(ms: number, action: () => void): void {
  const latest = useRef(action)
  latest.current = action
  useEffect(() => {
    let last = Date.now()
    const act = () => {
      if (document.hidden || Date.now() - last < ms - 100) return
      last = Date.now()
      latest.current()
    }
    const timer = setInterval(act, ms)
    document.addEventListener('visibilitychange', act)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', act)
    }
  }, [ms])
}
