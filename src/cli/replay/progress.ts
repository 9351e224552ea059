import type { Terminal } from '../terminal.ts'

const barWidth = 24
const everyMs = 100

/** A bar with the rate and the remaining time, drawn a few times a second, on a terminal only. */
export function progressOn(terminal: Terminal): (done: number, of: number) => void {
  const startedAt = performance.now()
  let [drawnAt, from] = [-Infinity, -1]
  return (done, of) => {
    const now = performance.now()
    // What an earlier run had done says nothing of this one's pace.
    if (from === -1) from = done
    if (now - drawnAt < everyMs && done < of) return
    drawnAt = now
    terminal.progress(progressLine({ done, of, gained: done - from, seconds: (now - startedAt) / 1000 }))
  }
}

/** @param pace what was done in this run, and in which time */
export function progressLine(pace: { done: number; of: number; gained: number; seconds: number }): string {
  const { done, of, gained, seconds } = pace
  const share = of === 0 ? 1 : Math.min(1, done / of)
  const filled = Math.round(share * barWidth)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`
  const rate = seconds > 0 ? gained / seconds : 0
  const left = rate > 0 ? `, ${duration((of - done) / rate)} left` : ''
  return `${bar} ${Math.floor(share * 100)} %  ${whole(done)} of ${whole(of)}  ${whole(rate)}/s${left}`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
