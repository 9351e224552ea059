import { markPaths } from './chart.tsx'
import type { LoggedReading } from './data.ts'
import { outcomeText } from './words.ts'

/** What the marks of the chart mean, and how many there are of each. */
export function Marks({ marks }: { marks: readonly LoggedReading[] }) {
  const outcomes = Object.keys(markPaths).filter((outcome) => marks.some((mark) => mark.outcome === outcome))
  if (outcomes.length === 0) return null
  return (
    <ul class="marks" aria-label="Readings that did not count">
      {outcomes.map((outcome) => (
        <li key={outcome}>
          <svg width={14} height={14} viewBox="-7 -13 14 14" aria-hidden="true" class="mark" data-outcome={outcome}>
            <path d={markPaths[outcome]} />
          </svg>
          {marks.filter((mark) => mark.outcome === outcome).length} {outcomeText(outcome)}
        </li>
      ))}
    </ul>
  )
}
