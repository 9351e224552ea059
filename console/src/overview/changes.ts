import type { InferResponseType } from 'hono/client'
import type { BaywireClient } from '../../../src/api/client.ts'
import type { Dashboard } from './attention.ts'

type SpaceEvent = InferResponseType<BaywireClient['api']['v1']['changes']['$get'], 200>['items'][number]

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

/** The status after them says as much. */
const plainKinds = new Set(['occupied', 'vacated', 'reserved', 'blocked', 'taken_out_of_service', 'sensor_recovered'])

/** `sensor_lost` as people say it; undefined where the status tells it. */
export function saying(kind: string): string | undefined {
  return plainKinds.has(kind) ? undefined : kind.replaceAll('_', ' ')
}
