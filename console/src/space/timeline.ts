import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useEvery } from '../components/every.ts'
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
/** What did not count is told by no event. */
const everyMs = 60_000

export function hoursOf(text: string | null): number {
  return spans.find(({ hours }) => String(hours) === text)?.hours ?? usualHours
}

export interface TimelineOptions {
  hours: number
  atMs: number | undefined
  /** Changes of this space since the page is open. */
  heard: readonly SpaceEvent[]
  /** Raised when something may have been missed. */
  resets: number
  /** Codes of those that stand there; undefined as long as it is not known. */
  devices: readonly string[] | undefined
}

export function useTimeline(id: string, { hours, atMs, heard, resets, devices }: TimelineOptions): Timeline {
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
    async (signal): Promise<LoggedReading[]> =>
      session.may('readings:read') && devices !== undefined
        ? await readUncounted(api, { id, signal, span, open, devices })
        : [],
    [key, devices?.join(' ')],
  )
  useEvery(everyMs, () => {
    if (open) marks.reload()
  })
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
  useEffect(() => {
    if (resets > 0) reload()
  }, [resets])
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
