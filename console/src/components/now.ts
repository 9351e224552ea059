import { useState } from 'preact/hooks'
import { useEvery } from './every.ts'

/** The time, for what is shown of it. */
export function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date())
  useEvery(everyMs, () => setNow(new Date()))
  return now
}
