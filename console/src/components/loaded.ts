import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { SignedOut, Unreachable } from '../requests/problem.ts'
import { useServices } from '../services.ts'

/** What was read for a page. While it is read anew, the page shows what it has. */
export interface Loaded<T> {
  data: T | undefined
  /** Of the last try; `data` is then older, if there is any. */
  error: Error | undefined
  loading: boolean
  reload: () => void
}

/**
 * Reads when the page comes, when `deps` change, and when the API is back after it was gone. An answer that
 * was overtaken by a newer question is thrown away.
 */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[]): Loaded<T> {
  const { connection } = useServices()
  const [state, setState] = useState<{ data?: T; error?: Error; loading: boolean }>({ loading: true })
  const [turn, setTurn] = useState(0)
  const latest = useRef(load)
  latest.current = load
  const recoveries = connection.recoveries.value
  useEffect(() => {
    const abort = new AbortController()
    setState((before) => ({ ...before, loading: true }))
    const read = async () => {
      try {
        const data = await latest.current(abort.signal)
        if (!abort.signal.aborted) setState({ data, loading: false })
      } catch (error) {
        if (abort.signal.aborted || error instanceof SignedOut) return
        const told = error instanceof Error ? error : new Error(String(error))
        setState(({ data }) => ({ ...(data === undefined ? {} : { data }), error: told, loading: false }))
      }
    }
    void read()
    return () => abort.abort()
  }, [...deps, turn, recoveries])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  // That the API is gone is told once for the whole page, by the banner.
  const error = state.error instanceof Unreachable && state.data !== undefined ? undefined : state.error
  return { data: state.data, error, loading: state.loading, reload }
}
