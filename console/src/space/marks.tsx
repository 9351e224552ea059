import { outcomeFaces, outcomes } from '../outcomes.ts'
import { markPaths } from './chart.tsx'
import type { LoggedReading } from './data.ts'

/** What the marks of the chart mean, and how many there are of each. */
export function Marks({ marks }: { marks: readonly LoggedReading[] }) {
  const shown = outcomes.filter((outcome) => outcome in markPaths && marks.some((mark) => mark.outcome === outcome))
  if (shown.length === 0) return null
  return (
    <ul class="uncounted-list" aria-label="Readings that did not count">
      {shown.map((outcome) => (
        <li key={outcome}>
          <svg
            width={14}
            height={14}
            viewBox="-7 -13 14 14"
            aria-hidden="true"
            class="uncounted"
            data-outcome={outcome}
          >
            <path d={markPaths[outcome]} />
          </svg>
          {marks.filter((mark) => mark.outcome === outcome).length} {outcomeFaces[outcome].label.toLowerCase()}
        </li>
      ))}
    </ul>
  )
}
