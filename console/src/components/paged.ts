import { useState } from 'preact/hooks'
import { useLoaded, type Loaded } from './loaded.ts'

interface Page<T> {
  items: T[]
  next: string | null
}

export interface Paged<T> {
  loaded: Loaded<T[]>
  /** For `Table`: undefined on the last page. */
  more: { onMore: () => void; loading: boolean } | undefined
}

/** A list that comes page by page; changed `deps` begin it anew, and so does `reload`. */
export function usePaged<T>(
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
  deps: readonly unknown[],
): Paged<T> {
  const first = useLoaded((signal) => read(undefined, signal), deps)
  /** What follows the first page, as long as that is the one that it followed. */
  const [behind, setBehind] = useState<{ after: Page<T>; items: T[]; next: string | null }>()
  const [reading, setReading] = useState(false)
  const [failed, setFailed] = useState<Error>()
  const valid = behind !== undefined && behind.after === first.data ? behind : undefined
  const next = valid === undefined ? first.data?.next : valid.next
  const onMore = async () => {
    const after = first.data
    if (after === undefined || next === null || next === undefined) return
    setReading(true)
    setFailed(undefined)
    try {
      const page = await read(next, new AbortController().signal)
      setBehind({ after, items: [...(valid?.items ?? []), ...page.items], next: page.next })
    } catch (error) {
      setFailed(error instanceof Error ? error : new Error(String(error)))
    }
    setReading(false)
  }
  const data = first.data === undefined ? undefined : [...first.data.items, ...(valid?.items ?? [])]
  return {
    loaded: { ...first, data, error: first.error ?? failed },
    more: next === null || next === undefined ? undefined : { onMore: () => void onMore(), loading: reading },
  }
}
