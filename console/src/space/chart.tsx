import { useMemo, useState } from 'preact/hooks'
import { outcomeFaces } from '../outcomes.ts'
import { isStatus, statusFaces, statuses } from '../status.tsx'
import { fullTime } from '../times.ts'
import { bandsOf, changeAt, type Band } from './bands.ts'
import type { LoggedReading } from './data.ts'
import { ticksOf, type Span } from './moments.ts'
import type { Timeline } from './timeline.ts'
import { ruleText } from './words.ts'

/** Of the whole width: from so wide on there is room for a letter, or for the words below an end. */
const letterShare = 0.025
const edgeShare = 0.05
const bandHeight = 40
const bandTop = 16
const height = 84

/**
 * What the space showed, as bands of colour, pattern and letter; a slider to whoever has no pointer. What it tells is in the list
 * of changes, too.
 */
export function Chart({
  timeline,
  atMs,
  timezone,
  onMoment,
  onKey,
}: {
  timeline: Timeline
  /** Undefined while it is the present. */
  atMs: number | undefined
  timezone: string
  onMoment: (atMs: number) => void
  /** @returns whether it meant something */
  onKey: (key: string) => boolean
}) {
  const { span, entries, before, marks } = timeline
  const [pointedMs, setPointed] = useState<number>()
  const bands = useMemo(() => bandsOf(entries, { before, span }), [entries, before, span.fromMs, span.toMs])
  const share = (ms: number) => (ms - span.fromMs) / (span.toMs - span.fromMs)
  const x = (ms: number) => `${(share(ms) * 100).toFixed(3)}%`
  const shownMs = atMs ?? span.toMs
  const told = (ms: number) => tellMoment(timeline, { ms, timezone })
  const pointedAt = (event: MouseEvent & { currentTarget: Element }) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const at = Math.min(Math.max((event.clientX - left) / width, 0), 1)
    return Math.round(span.fromMs + at * (span.toMs - span.fromMs))
  }
  return (
    <div class="chart-frame">
      <div
        class="chart"
        role="slider"
        tabIndex={0}
        aria-label="Timeline"
        aria-valuemin={span.fromMs}
        aria-valuemax={span.toMs}
        aria-valuenow={Math.min(Math.max(shownMs, span.fromMs), span.toMs)}
        aria-valuetext={told(shownMs)}
        onClick={(event) => onMoment(pointedAt(event))}
        onPointerMove={(event) => setPointed(pointedAt(event))}
        onPointerLeave={() => setPointed(undefined)}
        onKeyDown={(event) => {
          if (onKey(event.key)) event.preventDefault()
        }}
      >
        <svg height={height} width="100%" aria-hidden="true">
          <Patterns />
          {bands.map((band) => (
            <BandOf key={band.fromMs} band={band} x={x} wide={share(band.toMs) - share(band.fromMs) > letterShare} />
          ))}
          {marks.map((mark) => (
            <Mark key={`${mark.id} ${mark.part}`} mark={mark} span={span} x={x} />
          ))}
          <Axis span={span} timezone={timezone} x={x} share={share} />
          {pointedMs === undefined ? null : (
            <line class="pointed" x1={x(pointedMs)} x2={x(pointedMs)} y1={4} y2={bandTop + bandHeight + 4} />
          )}
          {atMs === undefined || atMs < span.fromMs || atMs > span.toMs ? null : (
            <svg x={x(atMs)} class="chosen" overflow="visible">
              <line x1={0} x2={0} y1={2} y2={bandTop + bandHeight + 6} />
              <path d="M-6 0 H6 L0 8 Z" />
            </svg>
          )}
        </svg>
        {timeline.waiting ? <p class="chart-waiting">Reading…</p> : null}
      </div>
      <p class="chart-told" aria-hidden="true">
        {timeline.waiting ? ' ' : told(pointedMs ?? shownMs)}
      </p>
    </div>
  )
}

function tellMoment(timeline: Timeline, { ms, timezone }: { ms: number; timezone: string }): string {
  const { entries, before } = timeline
  const change = changeAt(entries, ms) ?? before ?? undefined
  const time = fullTime(new Date(ms), timezone)
  if (change === undefined) return `${time}: nothing had been recorded`
  const { status, stale } = change.state
  const label = isStatus(status) ? statusFaces[status].label : status
  const since = fullTime(new Date(change.recorded_at), timezone)
  return `${time}: ${label}${stale ? ', stale' : ''}, shown since ${since}: ${ruleText(change.rule)}`
}

function BandOf({ band, x, wide }: { band: Band; x: (ms: number) => string; wide: boolean }) {
  const { fromMs, toMs, status, stale } = band
  const width = `${Number.parseFloat(x(toMs)) - Number.parseFloat(x(fromMs))}%`
  const box = { x: x(fromMs), y: bandTop, width, height: bandHeight }
  return (
    <g class={stale ? 'band stale' : 'band'} data-status={status}>
      <rect {...box} class="ground" />
      <rect {...box} class="pattern" />
      {wide ? (
        <svg x={x((fromMs + toMs) / 2)} y={bandTop + bandHeight / 2} overflow="visible">
          <rect class="letter-ground" x={-9} y={-9} width={18} height={18} rx={3} />
          <text class="letter" dominant-baseline="central" text-anchor="middle">
            {isStatus(status) ? statusFaces[status].letter : '?'}
          </text>
        </svg>
      ) : null}
    </g>
  )
}

/** What did not count: each outcome has a shape of its own. */
export const markPaths: Readonly<Record<string, string>> = {
  late: 'M-5 -10 H5 L0 -1 Z',
  duplicate: 'M0 -11 L5 -6 L0 -1 L-5 -6 Z',
  debouncing: 'M-4 -10 H4 V-2 H-4 Z',
}

function Mark({ mark, span, x }: { mark: LoggedReading; span: Span; x: (ms: number) => string }) {
  const path = markPaths[mark.outcome]
  const atMs = Date.parse(mark.clocks.arrival)
  if (path === undefined || atMs < span.fromMs || atMs > span.toMs) return null
  return (
    <svg x={x(atMs)} y={bandTop} overflow="visible" class="uncounted" data-outcome={mark.outcome}>
      <path d={path} />
      <title>{outcomeFaces[mark.outcome].label}</title>
    </svg>
  )
}

function Axis({
  span,
  timezone,
  x,
  share,
}: {
  span: Span
  timezone: string
  x: (ms: number) => string
  share: (ms: number) => number
}) {
  const ticks = useMemo(() => ticksOf(span, timezone), [span.fromMs, span.toMs, timezone])
  const top = bandTop + bandHeight
  return (
    <g class="axis">
      {ticks.map(({ atMs, isDay }) => {
        const text = fullTime(new Date(atMs), timezone)
        const at = share(atMs)
        return (
          <g key={atMs} class={isDay ? 'day' : undefined}>
            <line x1={x(atMs)} x2={x(atMs)} y1={top} y2={top + (isDay ? 8 : 5)} />
            {at < edgeShare || at > 1 - edgeShare ? null : (
              <text x={x(atMs)} y={top + 20} text-anchor="middle">
                {isDay ? dayText(atMs, timezone) : text.slice(11, 16)}
              </text>
            )}
          </g>
        )
      })}
    </g>
  )
}

/** `20 Nov` */
function dayText(atMs: number, timezone: string): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: timezone }).format(atMs)
}

/** The lines that the plan of a site has, in pixels. */
const lines: Readonly<Record<string, string>> = {
  reserved: 'M0 0 L10 10 M-2 8 L2 12 M8 -2 L12 2',
  blocked: 'M0 0 L10 10 M10 0 L0 10',
  out_of_service: 'M0 5 L10 5',
  unknown: 'M4 5 L6 5',
}

function Patterns() {
  return (
    <defs>
      {statuses.map((status) =>
        lines[status] === undefined ? null : (
          <pattern key={status} id={`band-${status}`} width="10" height="10" patternUnits="userSpaceOnUse">
            <path d={lines[status]} class="line" />
          </pattern>
        ),
      )}
    </defs>
  )
}
