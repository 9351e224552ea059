import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useEvery } from '../components/every.ts'
import { useLoaded, type Loaded } from '../components/loaded.ts'
import { ErrorNote, Loading } from '../components/states.tsx'
import type { SpaceEvent } from '../live/live.ts'
import { useServices } from '../services.ts'
import { StatusLegend } from '../status.tsx'
import { dayOf, localDay } from '../times.ts'
import { DevicesPanel, ReservationsPanel } from './around.tsx'
import { Changes } from './changes.tsx'
import { Chart } from './chart.tsx'
import { readDevices, readNextChange, readReservations, type Device, type Site, type Space } from './data.ts'
import { Marks } from './marks.tsx'
import { MomentBar } from './moment-bar.tsx'
import { nextOf, previousOf } from './moments.ts'
import { OverridePanel } from './override-panel.tsx'
import { usePaced } from './paced.ts'
import { hoursOf, useTimeline, type Timeline } from './timeline.ts'
import { PlainWhy, WhyPanel } from './why-panel.tsx'

const hourMs = 3_600_000
const everyMs = 60_000

/** Everything of a space below its heading. The moment that is looked at is in the URL. */
export function SpaceView({
  space,
  site,
  heard,
  resets,
  onChanged,
}: {
  space: Space
  site: Site
  heard: readonly SpaceEvent[]
  /** Raised when something may have been missed. */
  resets: number
  onChanged: () => void
}) {
  const { navigation, session } = useServices()
  const { query } = navigation.place.value
  const { timezone } = site
  const atMs = momentIn(query)
  const changes = useChanges({ heard, resets, onChanged })
  const devices = useDevices(space.id, changes)
  const timeline = useTimeline(space.id, {
    hours: hoursOf(query.get('hours')),
    atMs,
    heard,
    resets,
    devices: devices.data?.map(({ code }) => code),
  })
  const go = useSteps(space.id, { timeline, atMs })
  const top = useRef<HTMLElement>(null)
  const mayReadMessages = session.may('readings:read')
  const at = atMs === undefined ? undefined : new Date(atMs).toISOString()
  return (
    <div class="space">
      <section
        class={atMs === undefined ? 'panel space-time' : 'panel space-time past'}
        aria-label="Timeline"
        ref={top}
        tabIndex={-1}
      >
        <MomentBar
          atMs={atMs}
          nowMs={timeline.span.toMs}
          timezone={timezone}
          hours={timeline.hours}
          onMoment={go.to}
          onHours={(hours) => navigation.setQuery({ hours: hours === 24 ? undefined : String(hours) })}
          onPrevious={go.previous}
          onNext={go.next}
        />
        {timeline.loaded.error === undefined ? null : (
          <ErrorNote error={timeline.loaded.error} onRetry={timeline.loaded.reload} />
        )}
        <Chart timeline={timeline} atMs={atMs} timezone={timezone} onMoment={go.to} onKey={go.byKey} />
        <div class="chart-legend">
          <StatusLegend />
          <Marks marks={timeline.marks} />
        </div>
      </section>
      <div class="space-main">
        {mayReadMessages ? (
          <WhyPanel
            id={space.id}
            at={at}
            asKnownNow={query.get('known') === 'now'}
            changes={changes}
            timezone={timezone}
            onKnown={(asKnownNow) => navigation.setQuery({ known: asKnownNow ? 'now' : undefined })}
          />
        ) : (
          <PlainWhy space={space} timeline={timeline} atMs={atMs} timezone={timezone} />
        )}
      </div>
      <Side space={space} timezone={timezone} changes={changes} devices={devices} onChanged={onChanged} />
      <section class="space-changes" aria-labelledby="changes-heading">
        <h2 id="changes-heading">Changes</h2>
        {timeline.waiting ? (
          timeline.loaded.error === undefined ? (
            <Loading />
          ) : null
        ) : (
          <Changes
            timeline={timeline}
            spaceId={space.id}
            timezone={timezone}
            canFollow={mayReadMessages}
            hrefOf={(moment) => hrefAt(space.id, { query, moment })}
            // What is chosen here is explained above.
            onFollow={() => {
              top.current?.scrollIntoView({ block: 'start' })
              top.current?.focus({ preventScroll: true })
            }}
          />
        )}
      </section>
    </div>
  )
}

function Side({
  space,
  timezone,
  changes,
  devices,
  onChanged,
}: {
  space: Space
  timezone: string
  changes: number
  devices: Loaded<Device[]>
  onChanged: () => void
}) {
  const { api, session } = useServices()
  const reservations = useLoaded(
    async (signal) => {
      const day = dayOf(localDay(new Date(), timezone), timezone)
      return session.may('reservations:read') ? await readReservations(api, { id: space.id, signal, day }) : []
    },
    [space.id, changes],
  )
  return (
    <div class="space-side">
      <OverridePanel space={space} timezone={timezone} onChanged={onChanged} />
      {session.may('devices:read') ? <DevicesPanel loaded={devices} /> : null}
      {session.may('reservations:read') ? (
        <ReservationsPanel
          loaded={reservations}
          timezone={timezone}
          ownAlone={!session.may('reservations:manage')}
          siteId={space.site_id}
        />
      ) : null}
    </div>
  )
}

/** What stands there now, and how it is. */
function useDevices(id: string, changes: number): Loaded<Device[]> {
  const { api, session } = useServices()
  const devices = useLoaded(
    async (signal) => (session.may('devices:read') ? await readDevices(api, { id, signal }) : []),
    [id, changes],
  )
  // That it was heard and said the same is told by no event.
  useEvery(everyMs, devices.reload)
  return devices
}

/** A number that is raised when what was read is to be read anew: at most every few seconds. */
function useChanges({
  heard,
  resets,
  onChanged,
}: {
  heard: readonly SpaceEvent[]
  resets: number
  onChanged: () => void
}): number {
  const [changes, setChanges] = useState(0)
  const ofOverrides = useMemo(() => heard.filter(({ rule }) => rule === 'override').length, [heard])
  const changed = usePaced(() => setChanges((before) => before + 1))
  useEffect(() => {
    if (heard.length > 0) changed()
  }, [heard.length])
  useEffect(() => {
    if (ofOverrides > 0) onChanged()
  }, [ofOverrides])
  useEffect(() => {
    if (resets > 0) changed()
  }, [resets])
  return changes
}

interface Steps {
  to: (atMs: number | undefined) => void
  previous: (() => void) | undefined
  next: (() => void) | undefined
  byKey: (key: string) => boolean
}

/** From change to change, and to moments of the past alone. */
function useSteps(
  id: string,
  { timeline: { span, entries, before }, atMs }: { timeline: Timeline; atMs: number | undefined },
): Steps {
  const { api, navigation } = useServices()
  const to = (wantedMs: number | undefined) => {
    const isPast = wantedMs !== undefined && wantedMs < Date.now()
    navigation.setQuery({ at: isPast ? new Date(wantedMs).toISOString() : undefined })
  }
  const times = [...(before === null ? [] : [before]), ...entries].map(({ recorded_at: at }) => Date.parse(at))
  const previousMs = previousOf(times, atMs ?? Infinity)
  const nextMs = atMs === undefined ? undefined : nextOf(times, atMs)
  const previous = previousMs === undefined ? undefined : () => to(previousMs)
  // What lies behind that which is drawn is looked for.
  const far = async (afterMs: number) => to(await readNextChange(api, { id, afterMs }).catch(() => span.toMs))
  const next =
    atMs === undefined
      ? undefined
      : () => {
          if (nextMs !== undefined || isEnd(span)) to(nextMs)
          else void far(atMs)
        }
  const moves: Readonly<Record<string, (() => void) | undefined>> = {
    ArrowLeft: previous,
    ArrowDown: previous,
    ArrowRight: next,
    ArrowUp: next,
    PageUp: () => to((atMs ?? span.toMs) + hourMs),
    PageDown: () => to((atMs ?? span.toMs) - hourMs),
    Home: () => to(span.fromMs),
    End: () => to(undefined),
  }
  return {
    to,
    previous,
    next,
    byKey: (key) => {
      if (!(key in moves)) return false
      moves[key]?.()
      return true
    },
  }
}

const nearlyNowMs = 30_000
const isEnd = ({ toMs }: { toMs: number }) => Date.now() - toMs < nearlyNowMs

function momentIn(query: URLSearchParams): number | undefined {
  const atMs = Date.parse(query.get('at') ?? '')
  return Number.isNaN(atMs) ? undefined : atMs
}

function hrefAt(id: string, { query, moment }: { query: URLSearchParams; moment: string }): string {
  const next = new URLSearchParams(query)
  next.set('at', moment)
  return `/spaces/${id}?${next.toString()}`
}
