import type { SpaceEvent } from '../live/live.ts'
import type { Dashboard } from './attention.ts'

/** A change of a space, from the dashboard or from the stream. */
export interface Change {
  key: string
  kind: string
  at: string
  recordedAt: string
  spaceId: string
  /** `SITE/SPACE`; null where the space is there no more. */
  space: string | null
  status: string
}

export const changesShown = 20

export function changeOfDashboard(event: Dashboard['events'][number]): Change {
  const { kind, event_time: at, recorded_at: recordedAt, space_id: spaceId, space, status } = event
  return { key: `${spaceId} ${recordedAt} ${kind}`, kind, at, recordedAt, spaceId, space, status }
}

export function changeOfStream(event: SpaceEvent): Change {
  const { kind, event_time: at, recorded_at: recordedAt, space_id: spaceId, site, space, state } = event
  const path = site === null || space === null ? null : `${site}/${space}`
  return { key: `${spaceId} ${recordedAt} ${kind}`, kind, at, recordedAt, spaceId, space: path, status: state.status }
}

/** The newest first, each once. */
export function newestOf(changes: readonly Change[]): Change[] {
  const byKey = new Map(changes.map((change) => [change.key, change]))
  return [...byKey.values()]
    .toSorted((one, other) => (one.recordedAt < other.recordedAt ? 1 : one.recordedAt > other.recordedAt ? -1 : 0))
    .slice(0, changesShown)
}

/** `sensor_lost` as people say it. */
export function saying(kind: string): string {
  return kind.replaceAll('_', ' ')
}
