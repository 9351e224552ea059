/** Days of the calendar of a place. */
const dayMs = 86_400_000

/** A time from its first moment on, up to but without its last; epoch milliseconds. */
export interface TimeSpan {
  readonly from: number
  readonly to: number
}

/**
 * A day as the clocks of a time zone have it: 23 or 25 hours where they were moved on it, and none where they left it out.
 *
 * @param day as `2026-11-20`
 * @param timezone one that `Intl` knows
 */
export function dayIn(timezone: string, day: string): TimeSpan {
  const midnight = Date.parse(`${day}T00:00:00Z`)
  const offsetAt = offsetsOf(timezone)
  return { from: startOfDay(midnight, offsetAt), to: startOfDay(midnight + dayMs, offsetAt) }
}

/** The first moment at which the clocks show this midnight; where they left it out, that at which they were moved over it. */
function startOfDay(midnight: number, offsetAt: (at: number) => number): number {
  const [before, after] = [offsetAt(midnight - dayMs), offsetAt(midnight + dayMs)]
  const shown = [before, after].map((offset) => midnight - offset).filter((at) => at + offsetAt(at) === midnight)
  return shown.length > 0 ? Math.min(...shown) : midnight - before
}

/** By how much the clocks of a zone are ahead of UTC at a moment. */
function offsetsOf(timezone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
    const field = (name: string) => Number(parts[name])
    const clock = new Date(0)
    clock.setUTCFullYear(parts['era'] === 'BC' ? 1 - field('year') : field('year'), field('month') - 1, field('day'))
    clock.setUTCHours(field('hour'), field('minute'), field('second'))
    return clock.getTime() - Math.floor(at / 1000) * 1000
  }
}
