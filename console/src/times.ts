/** Times as people read them. */

const formats = new Map<string, Intl.DateTimeFormat>()

function format(timezone: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${timezone ?? ''} ${JSON.stringify(options)}`
  const known = formats.get(key)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-GB', {
    ...options,
    hourCycle: 'h23',
    ...(timezone ? { timeZone: timezone } : {}),
  })
  formats.set(key, made)
  return made
}

/** `14:05:03`, with the date where it is another day than today. Of the browser's time zone, unless one is named. */
export function localTime(
  at: Date,
  { timezone, now = new Date() }: { timezone?: string | undefined; now?: Date } = {},
): string {
  const clock = clockTime(at, timezone)
  const day = localDay(at, timezone)
  return day === localDay(now, timezone) ? clock : `${day} ${clock}`
}

/** `2026-11-21 14:05:03` */
export function fullTime(at: Date, timezone?: string): string {
  return `${localDay(at, timezone)} ${clockTime(at, timezone)}`
}

function clockTime(at: Date, timezone?: string): string {
  return format(timezone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at)
}

/** `2026-11-21` */
export function localDay(at: Date, timezone?: string): string {
  const parts = format(timezone, { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(at)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')}`
}

/** `4 min`, `3 h`, `2 d`: of what is past. */
export function age(at: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - at.getTime()) / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

const dayMs = 86_400_000

/** Midnight of a day (`2026-11-21`) in a time zone, and of the next; a day may have 23 or 25 hours. */
export function dayOf(day: string, timezone: string): { fromMs: number; toMs: number } {
  const utc = Date.parse(`${day}T00:00:00Z`)
  const next = new Date(utc + dayMs).toISOString().slice(0, 10)
  return { fromMs: midnight(day, timezone), toMs: midnight(next, timezone) }
}

function midnight(day: string, timezone: string): number {
  const wanted = Date.parse(`${day}T00:00:00Z`)
  const first = wanted - offsetMs(wanted, timezone)
  // The offset is that of the result, which may lie behind a change of the clock.
  return wanted - offsetMs(first, timezone)
}

function offsetMs(atMs: number, timezone: string): number {
  const clock = clockTime(new Date(atMs), timezone)
  return Date.parse(`${localDay(new Date(atMs), timezone)}T${clock}Z`) - Math.floor(atMs / 1000) * 1000
}
