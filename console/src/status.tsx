import type { ComponentChildren } from 'preact'

/**
 * What a space can show, and how: the one place of names, letters and (in styles/status.css and site/bay-patterns.tsx)
 * colours and patterns. Nothing is told by its colour alone.
 */
export const statuses = ['free', 'occupied', 'reserved', 'blocked', 'out_of_service', 'unknown'] as const
export type Status = (typeof statuses)[number]

interface Face {
  label: string
  letter: string
  about: string
}

export const statusFaces: Readonly<Record<Status, Face>> = {
  free: { label: 'Free', letter: 'F', about: 'the sensor said so, and is heard of as often as it should be' },
  occupied: { label: 'Occupied', letter: 'O', about: 'a vehicle stands there' },
  reserved: { label: 'Reserved', letter: 'R', about: 'booked, now or soon' },
  blocked: { label: 'Blocked', letter: 'B', about: 'somebody blocked it' },
  out_of_service: { label: 'Out of service', letter: 'S', about: 'somebody took it out of service' },
  unknown: { label: 'Unknown', letter: '?', about: 'nothing was heard for too long, or never' },
}

export function isStatus(text: string): text is Status {
  return statuses.some((status) => status === text)
}

/** The letter of a status in its colour; to stand beside its name. */
export function StatusMark({ status }: { status: Status }) {
  return (
    <span class={`status-mark status-${status}`} aria-hidden="true">
      {statusFaces[status].letter}
    </span>
  )
}

export function StatusBadge({ status, children }: { status: string; children?: ComponentChildren }) {
  if (!isStatus(status)) return <span class="badge">{status}</span>
  return (
    <span class="badge" data-status={status}>
      <StatusMark status={status} />
      {statusFaces[status].label}
      {children}
    </span>
  )
}

/** What the marks mean. With `counts` each says of how many; with `onToggle` it is the filter, too. */
export function StatusLegend({
  counts,
  shown,
  onToggle,
}: {
  counts?: Readonly<Record<Status, number>> | undefined
  /** Those that are not filtered out. */
  shown?: ReadonlySet<Status>
  onToggle?: (status: Status) => void
}) {
  return (
    <ul class="legend" aria-label="Legend">
      {statuses.map((status) => {
        const content = (
          <>
            <StatusMark status={status} />
            {statusFaces[status].label}
            {counts === undefined ? null : <span class="count">{counts[status]}</span>}
          </>
        )
        return (
          <li key={status} title={statusFaces[status].about}>
            {onToggle === undefined ? (
              <span class="legend-item">{content}</span>
            ) : (
              <button
                type="button"
                class="legend-item"
                aria-pressed={shown?.has(status) ?? true}
                onClick={() => onToggle(status)}
              >
                {content}
              </button>
            )}
          </li>
        )
      })}
    </ul>
  )
}
