import { wallClock, wallDay, type Window } from '../zone-times.ts'
import { endOf, isOpen, type Reservation } from './reservation-view.ts'

/** Where the bars of a timeline are, in percent of the time that it shows. Pure. */
export interface Bar {
  reservation: Reservation
  left: number
  width: number
}

export interface Row {
  spaceId: string
  space: string
  /** Later ones stand over earlier ones. */
  bars: Bar[]
}

export interface Mark {
  left: number
  label: string
}

/** One row for each space with anything to show, by code as people count: A-2 before A-10. */
export function timelineRows(reservations: readonly Reservation[], { from, to }: Window): Row[] {
  const rows = new Map<string, Row>()
  const place = (at: number) => (100 * (at - from.getTime())) / (to.getTime() - from.getTime())
  for (const reservation of reservations) {
    const left = Math.max(0, place(Date.parse(reservation.start)))
    const right = Math.min(100, place(endOf(reservation).getTime()))
    // What was cancelled before it began never took the space.
    if (right <= left) continue
    const { space_id: spaceId, space } = reservation
    const row = rows.get(spaceId) ?? { spaceId, space, bars: [] }
    row.bars.push({ reservation, left, width: right - left })
    rows.set(spaceId, row)
  }
  for (const row of rows.values()) {
    row.bars = row.bars.toSorted(
      (one, other) => Number(isOpen(one.reservation)) - Number(isOpen(other.reservation)) || one.left - other.left,
    )
  }
  return [...rows.values()].toSorted((one, other) => one.space.localeCompare(other.space, 'en', { numeric: true }))
}

const minuteMs = 60_000
const quarterMs = 15 * minuteMs

/** Of a day each third hour, so that they have room on a telephone too; of less, each half hour. */
export function hourMarks({ from, to }: Window, timezone: string | undefined): Mark[] {
  const length = to.getTime() - from.getTime()
  const isDay = length > 6 * 60 * minuteMs
  const marks: Mark[] = []
  // Time zones differ by whole quarters.
  for (let at = Math.ceil(from.getTime() / quarterMs) * quarterMs; at < to.getTime(); at += quarterMs) {
    const label = wallClock(new Date(at), timezone)
    const [hours, minutes] = [Number(label.slice(0, 2)), Number(label.slice(3, 5))]
    if (isDay ? minutes === 0 && hours % 3 === 0 : minutes % 30 === 0) {
      marks.push({ left: (100 * (at - from.getTime())) / length, label })
    }
  }
  return marks
}

/** Where now is, in percent; undefined outside. */
export function nowMark({ from, to }: Window, now: Date): number | undefined {
  const left = (100 * (now.getTime() - from.getTime())) / (to.getTime() - from.getTime())
  return left < 0 || left > 100 ? undefined : left
}

/** `14:00–15:30`; with the day where that is another one than `day`. */
export function rangeWords(
  { from, to }: Window,
  { timezone, day }: { timezone: string | undefined; day: string | undefined },
): string {
  const said = (at: Date, known: string | undefined) => {
    const own = wallDay(at, timezone)
    return own === known ? wallClock(at, timezone) : `${own} ${wallClock(at, timezone)}`
  }
  return `${said(from, day)}–${said(to, wallDay(from, timezone))}`
}
