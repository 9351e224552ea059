import { counted } from '../numbers.ts'
import { bands, segmentsOf, sumOfBand, topOf, type Band, type Hour } from './hours.ts'

/** A bar for each hour of the day. What it says stands in the table below it as well. */
export function HoursChart({ hours }: { hours: readonly Hour[] }) {
  const top = topOf(Math.max(...hours.map(({ received }) => received)))
  const total = hours.reduce((sum, { received }) => sum + received, 0)
  return (
    <figure class="hours">
      <div class="hours-axis" aria-hidden="true">
        <span>{counted(top)}</span>
        <span>{counted(top / 2)}</span>
        <span>0</span>
      </div>
      <svg
        class="hours-bars"
        viewBox={`0 0 ${hours.length * 10} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Readings per hour by outcome, ${counted(total)} in all; the table below has the figures`}
      >
        <Patterns />
        <path class="hours-grid" d={`M0 50H${hours.length * 10}`} />
        {hours.map((hour, index) => (
          <g key={hour.at.getTime()}>
            <title>{titleOf(hour)}</title>
            <rect class="hours-ground" x={index * 10} y={0} width={10} height={100} />
            {segmentsOf(hour, top).map(({ band, from, height }) => (
              <rect
                key={band}
                class={`band-${band}`}
                fill={fills[band]}
                x={index * 10 + 1}
                y={100 - (from + height) * 100}
                width={8}
                height={height * 100}
              />
            ))}
          </g>
        ))}
      </svg>
      <div class="hours-labels" aria-hidden="true">
        {hours.map(({ at }, index) => (
          <span key={at.getTime()}>{index % 3 === 0 ? clock(at) : ''}</span>
        ))}
      </div>
      <figcaption>
        <ul class="legend" aria-label="Bands of the chart">
          {bands.map(({ band, label }) => (
            <li key={band} class="legend-item">
              <svg class="band-mark" viewBox="0 0 10 10" aria-hidden="true">
                <rect class={`band-${band}`} fill={fills[band]} width={10} height={10} />
              </svg>
              {label}
              <span class="count">{counted(hours.reduce((sum, hour) => sum + sumOfBand(hour, band), 0))}</span>
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  )
}

const fills: Partial<Record<Band, string>> = { confirmed: 'url(#band-confirmed)', again: 'url(#band-again)' }

/** Bands are told apart by these, too; the style sheet names them. */
function Patterns() {
  return (
    <defs>
      <pattern id="band-confirmed" width={4} height={4} patternUnits="userSpaceOnUse">
        <rect class="pattern-ground-confirmed" width={4} height={4} />
        <rect class="pattern-line-confirmed" width={4} height={1.2} />
      </pattern>
      <pattern id="band-again" width={2} height={4} patternUnits="userSpaceOnUse">
        <rect class="pattern-ground-again" width={2} height={4} />
        <rect class="pattern-line-again" width={0.8} height={4} />
      </pattern>
    </defs>
  )
}

export function clock(at: Date): string {
  return `${String(at.getHours()).padStart(2, '0')}:00`
}

function titleOf(hour: Hour): string {
  const parts = bands.map(({ band, label }) => `${label}: ${counted(sumOfBand(hour, band))}`)
  return `${clock(hour.at)}: ${counted(hour.received)}\n${parts.join('\n')}`
}
