/**
 * Clock times of a time zone and the instants that they are. Pure. Without a time zone: that of the browser. An hour that
 * a change of daylight-saving time leaves out is read as the one behind it; of one that comes twice, the first.
 */
const minuteMs = 60_000

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timezone: string | undefined): Intl.DateTimeFormat {
  const known = formats.get(timezone ?? '')
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-GB', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    ...(timezone === undefined ? {} : { timeZone: timezone }),
  })
  formats.set(timezone ?? '', made)
  return made
}

/** `2026-11-21T14:05`, as inputs of the browser take it. */
export function wallTime(at: Date, timezone?: string): string {
  const [day, clock] = wallParts(at, timezone)
  return `${day}T${clock.slice(0, 5)}`
}

/** `2026-11-21` */
export function wallDay(at: Date, timezone?: string): string {
  return wallParts(at, timezone)[0]
}

/** `14:05`, or `14:05:30` where it is not a whole minute. */
export function wallClock(at: Date, timezone?: string): string {
  const [, clock] = wallParts(at, timezone)
  return clock.endsWith(':00') ? clock.slice(0, 5) : clock
}

function wallParts(at: Date, timezone: string | undefined): [day: string, clock: string] {
  const parts = formatOf(timezone).formatToParts(at)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  return [`${part('year')}-${part('month')}-${part('day')}`, `${part('hour')}:${part('minute')}:${part('second')}`]
}

/** Undefined for what is no time, such as an input that is not filled in. */
export function instantOfWall(wall: string, timezone?: string): Date | undefined {
  const asUtc = Date.parse(`${wall}${wall.includes('T') ? '' : 'T00:00'}Z`)
  if (Number.isNaN(asUtc)) return undefined
  const offsetAt = (at: number) =>
    Date.parse(`${wallTime(new Date(at), timezone)}Z`) - Math.floor(at / minuteMs) * minuteMs
  // The offsets before and behind a change that is near.
  const dayMs = 24 * 60 * minuteMs
  const before = asUtc - offsetAt(asUtc - dayMs)
  const behind = asUtc - offsetAt(asUtc + dayMs)
  if (before + offsetAt(before) === asUtc) return new Date(before)
  if (behind + offsetAt(behind) === asUtc) return new Date(behind)
  return new Date(before)
}

export interface Window {
  from: Date
  to: Date
}

/** From midnight to midnight: 23, 24 or 25 hours. */
export function dayWindow(day: string, timezone?: string): Window | undefined {
  const from = instantOfWall(day, timezone)
  const to = instantOfWall(dayAfter(day, 1), timezone)
  return from === undefined || to === undefined ? undefined : { from, to }
}

/** The day so many days later. */
export function dayAfter(day: string, days: number): string {
  const at = Date.parse(`${day}T00:00Z`)
  return Number.isNaN(at) ? day : new Date(at + days * 86_400_000).toISOString().slice(0, 10)
}

/** A message of the API with the instants in it as clocks there show them. */
export function withWallTimes(text: string, timezone?: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (found) => {
    const at = new Date(found)
    return `${wallDay(at, timezone)} ${wallClock(at, timezone)}`
  })
}
