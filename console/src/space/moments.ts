import { fullTime } from '../times.ts'

/** Moments as fields have them: `2026-11-20T14:05:00`, as the clocks of a time zone showed them. */
const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?$/

export function fieldText(atMs: number, timezone: string): string {
  return fullTime(new Date(atMs), timezone).replace(' ', 'T')
}

/**
 * Undefined for what is no time. One that came twice, as clocks were put back, is the first; one that never came, as
 * they were put forward, is as long after midnight as it says.
 */
export function momentOf(text: string, timezone: string): number | undefined {
  if (!pattern.test(text)) return undefined
  const wanted = Date.parse(`${text}Z`)
  if (Number.isNaN(wanted)) return undefined
  const aDay = 86_400_000
  const candidates = [wanted - aDay, wanted + aDay].map((near) => wanted - offsetMs(near, timezone))
  const exact = candidates.filter((atMs) => atMs + offsetMs(atMs, timezone) === wanted)
  return exact.length === 0 ? candidates[0] : Math.min(...exact)
}

function offsetMs(atMs: number, timezone: string): number {
  const whole = Math.floor(atMs / 1000) * 1000
  return Date.parse(`${fieldText(atMs, timezone)}Z`) - whole
}

/** From where to where time is drawn, epoch milliseconds. */
export interface Span {
  fromMs: number
  toMs: number
}

export const spans = [
  { hours: 6, label: '6 hours' },
  { hours: 24, label: '24 hours' },
  { hours: 72, label: '3 days' },
  { hours: 168, label: '7 days' },
] as const

const hourMs = 3_600_000
/** Of a moment that the span is moved to, so much of it lies before. */
const before = 0.7

/**
 * So many hours up to now, or where the moment lies. What is drawn stays where it is as long as the moment is in it: nothing moves
 * under the hand that points at it.
 */
export function spanFor({
  hours,
  atMs,
  nowMs,
  last,
}: {
  hours: number
  /** Undefined while the present is shown. */
  atMs: number | undefined
  nowMs: number
  last: Span | undefined
}): Span {
  const lengthMs = hours * hourMs
  const present = { fromMs: nowMs - lengthMs, toMs: nowMs }
  if (atMs === undefined) return present
  const isSame = last !== undefined && Math.round((last.toMs - last.fromMs) / hourMs) === hours
  if (isSame && atMs >= last.fromMs && atMs <= last.toMs) return last
  if (atMs >= present.fromMs) return present
  const toMs = Math.min(nowMs, atMs + lengthMs * (1 - before))
  return { fromMs: toMs - lengthMs, toMs }
}

/** The changes that one steps between, by when they were recorded; ascending. */
export function previousOf(times: readonly number[], atMs: number): number | undefined {
  return times.findLast((time) => time < atMs)
}

export function nextOf(times: readonly number[], atMs: number): number | undefined {
  return times.find((time) => time > atMs)
}

export interface Tick {
  atMs: number
  /** A day begins. */
  isDay: boolean
}

const tickHours: Readonly<Record<number, number>> = { 6: 1, 24: 3, 72: 12, 168: 24 }

/** Round hours of the time zone within the span. */
export function ticksOf({ fromMs, toMs }: Span, timezone: string): Tick[] {
  const hours = Math.round((toMs - fromMs) / hourMs)
  const every = tickHours[hours] ?? 24
  const ticks: Tick[] = []
  for (let atMs = Math.ceil(fromMs / (hourMs / 4)) * (hourMs / 4); atMs < toMs; atMs += hourMs / 4) {
    const [, hour = '', minute = ''] = /T(\d\d):(\d\d)/.exec(fieldText(atMs, timezone)) ?? []
    if (minute === '00' && Number(hour) % every === 0) ticks.push({ atMs, isDay: hour === '00' })
  }
  return ticks
}
