import { useState } from 'preact/hooks'
import type { Window } from '../zone-times.ts'
import { isContested, isOpen, lengthWords, reservationFaces, type Reservation } from './reservation-view.ts'
import { hourMarks, nowMark, rangeWords, timelineRows, type Bar } from './timeline-rows.ts'

const rowsShown = 30

interface Shown {
  window: Window
  timezone: string | undefined
  now: Date
}

/**
 * The spaces of the time that is looked at, each with its reservations. A picture: the table below says the same to those
 * who cannot see it, and whoever points at a bar is told what it is.
 */
export function Timeline({
  reservations,
  onOpen,
  ...shown
}: Shown & { reservations: readonly Reservation[]; onOpen: (reservation: Reservation) => void }) {
  const [all, setAll] = useState(false)
  const rows = timelineRows(reservations, shown.window)
  if (rows.length === 0) return null
  const now = nowMark(shown.window, shown.now)
  return (
    <section class="panel timeline-panel" aria-label="Timeline">
      <div
        class="timeline"
        role="img"
        aria-label={`${reservations.length} reservations of ${rows.length} spaces, drawn; the table below says the same`}
      >
        <div class="timeline-row timeline-head">
          <span class="timeline-space" />
          <div class="timeline-track">
            {hourMarks(shown.window, shown.timezone).map(({ left, label }) => (
              <span key={left} class="timeline-hour" style={{ left: `${left}%` }}>
                {label}
              </span>
            ))}
          </div>
        </div>
        {rows.slice(0, all ? undefined : rowsShown).map(({ spaceId, space, bars }) => (
          <div key={spaceId} class="timeline-row">
            <span class="timeline-space" title={space}>
              {space}
            </span>
            <div class="timeline-track">
              {bars.map((bar) => (
                <TimelineBar key={bar.reservation.id} bar={bar} onOpen={onOpen} {...shown} />
              ))}
              {now === undefined ? null : <span class="timeline-now" style={{ left: `${now}%` }} />}
            </div>
          </div>
        ))}
      </div>
      <div class="timeline-foot">
        <Legend />
        {rows.length > rowsShown ? (
          <button type="button" onClick={() => setAll(!all)}>
            {all ? `The first ${rowsShown} spaces` : `All ${rows.length} spaces`}
          </button>
        ) : null}
      </div>
    </section>
  )
}

function TimelineBar({
  bar: { reservation, left, width },
  timezone,
  onOpen,
}: Shown & { bar: Bar; onOpen: (reservation: Reservation) => void }) {
  const { state, start, end, space, vehicle } = reservation
  const { label, mark } = reservationFaces[state]
  const times = rangeWords({ from: new Date(start), to: new Date(end) }, { timezone, day: undefined })
  const kind = isContested(reservation) ? 'bar-contested' : isOpen(reservation) ? `bar-${state}` : 'bar-over'
  return (
    <span
      class={`timeline-bar ${kind}`}
      style={{ left: `${left}%`, width: `${width}%` }}
      title={`${space}, ${times}: ${label}${vehicle === null ? '' : `, ${vehicle}`}`}
      // For whoever points; the table has a button for each.
      onClick={() => onOpen(reservation)}
    >
      {isContested(reservation) ? '!' : mark} {vehicle === null ? null : <bdi>{vehicle}</bdi>}
    </span>
  )
}

function Legend() {
  const shown = [
    ['bar-pending', 'H', 'Held'],
    ['bar-confirmed', 'B', 'Booked'],
    ['bar-active', 'A', 'Active'],
    ['bar-contested', '!', 'Somebody else stands there'],
    ['bar-over', 'C', 'Over'],
  ] as const
  return (
    <ul class="legend" aria-label="Legend">
      {shown.map(([kind, mark, label]) => (
        <li key={kind} class="legend-item">
          <span class={`timeline-sample ${kind}`} aria-hidden="true">
            {mark}
          </span>
          {label}
        </li>
      ))}
    </ul>
  )
}

/** From when to when, with how long; in UTC for whoever points at it. */
export function RangeTimes({
  from,
  to,
  timezone,
  day,
}: {
  from: string
  to: string
  timezone: string | undefined
  day: string | undefined
}) {
  const range = { from: new Date(from), to: new Date(to) }
  return (
    <span class="range" title={`${from} to ${to}${timezone === undefined ? '' : `, shown in ${timezone}`}`}>
      {rangeWords(range, { timezone, day })}{' '}
      <span class="fine">({lengthWords(range.to.getTime() - range.from.getTime())})</span>
    </span>
  )
}
