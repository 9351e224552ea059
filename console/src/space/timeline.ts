import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useLoaded, type Loaded } from '../components/loaded.ts'
import type { SpaceEvent } from '../live/live.ts'
import { useServices } from '../services.ts'
import { withHeard, type Change } from './bands.ts'
import { readHistory, readUncounted, type LoggedReading } from './data.ts'
import { spanFor, spans, type Span } from './moments.ts'

/** What the space showed over the time that is drawn. */
export interface Timeline {
  span: Span
  hours: number
  entries: readonly Change[]
  before: Change | null
  cut: boolean
  /** What is drawn is not known yet. */
  waiting: boolean
  /** Readings that did not count. */
  marks: readonly LoggedReading[]
  loaded: Loaded<unknown>
}

const usualHours = 24
const tickMs = 10_000

export function hoursOf(text: string | null): number {
  return spans.find(({ hours }) => String(hours) === text)?.hours ?? usualHours
}

/** @param heard changes of this space since the page is open */
export function useTimeline(
  id: string,
  { hours, atMs, heard }: { hours: number; atMs: number | undefined; heard: readonly SpaceEvent[] },
): Timeline {
  const { api, live, session } = useServices()
  const nowMs = useNow(heard)
  const last = useRef<Span | undefined>(undefined)
  const span = spanFor({ hours, atMs, nowMs, last: last.current })
  last.current = span
  // Up to now: what comes is heard, and nothing needs to be read anew as time goes on.
  const open = nowMs - span.toMs < 2 * tickMs
  const end = open ? 'now' : span.toMs
  const key = `${id} ${hours} ${end}`
  const history = useLoaded(
    async (signal) => {
      if (open) await live.settled()
      return { key, ...(await readHistory(api, { id, signal, span, open })) }
    },
    [key],
  )
  const marks = useLoaded(
    async (signal) =>
      session.may('readings:read') ? await readUncounted(api, { id, signal, span, open }) : ([] as LoggedReading[]),
    [key],
  )
  // Of another time, it would be wrong here.
  const data = history.data?.key === key ? history.data : undefined
  const entries = useMemo(
    () => (open && data !== undefined ? withHeard(data.entries, heard) : (data?.entries ?? [])),
    [data, heard, open],
  )
  const reload = () => {
    history.reload()
    marks.reload()
  }
  return {
    span,
    hours,
    entries,
    before: data?.before ?? null,
    cut: data?.cut ?? false,
    waiting: data === undefined,
    marks: marks.data ?? [],
    loaded: { ...history, error: history.error ?? marks.error, reload },
  }
}

/** Ticks; and is never before what has been heard, whatever the clock of this machine says. */
function useNow(heard: readonly SpaceEvent[]): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now())
    }, tickMs)
    return () => clearInterval(timer)
  }, [])
  const newest = heard.at(-1)?.recorded_at
  return newest === undefined ? now : Math.max(now, Date.parse(newest) + 1)
}
