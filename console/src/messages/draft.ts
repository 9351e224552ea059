import { useEffect, useRef, useState } from 'preact/hooks'

/**
 * What stands in a form, of which the URL has what was applied. Where the URL changes, so do the fields that are others in
 * it; what is typed into the rest meanwhile stays.
 */
export function useDraft<T extends object>(inUrl: T): [T, (changes: Partial<T>) => void] {
  const [draft, setDraft] = useState(inUrl)
  const before = useRef(inUrl)
  useEffect(() => {
    const known = new Map(Object.entries(before.current).map(([name, value]) => [name, JSON.stringify(value)]))
    const changed = Object.entries(inUrl).filter(([name, value]) => known.get(name) !== JSON.stringify(value))
    before.current = inUrl
    if (changed.length > 0) setDraft((now) => ({ ...now, ...Object.fromEntries(changed) }))
  }, [JSON.stringify(inUrl)])
  return [draft, (changes) => setDraft((now) => ({ ...now, ...changes }))]
}
