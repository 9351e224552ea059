import { signal } from '@preact/signals'
import { age, localTime } from '../times.ts'

/** Ages are counted on by one clock for all of them. */
const now = signal(new Date())
const tickMs = 5000
setInterval(() => {
  if (!document.hidden) now.value = new Date()
}, tickMs)

/** A moment in local time (of the site, where its time zone is given), and in UTC for whoever points at it. */
export function Time({ at, timezone }: { at: string | null | undefined; timezone?: string | undefined }) {
  if (at === null || at === undefined) return <span class="none">never</span>
  const date = new Date(at)
  return (
    <time dateTime={at} title={`${date.toISOString()}${timezone === undefined ? '' : `, shown in ${timezone}`}`}>
      {localTime(date, { timezone, now: now.value })}
    </time>
  )
}

/** How long ago it was. */
export function Age({ at }: { at: string | null | undefined }) {
  if (at === null || at === undefined) return <span class="none">never</span>
  return (
    <time dateTime={at} title={at}>
      {age(new Date(at), now.value)} ago
    </time>
  )
}
