import { requirePermission, type Actor } from '../auth/principal.ts'
import type { FoundReading } from '../store/reading-search.ts'
import type { ReadingQuery } from './readings.ts'
import { requireTopicPattern } from './topic-filters.ts'

/** Which readings somebody who follows them wants: by the filters of the search, on each as it comes. */
export function wantedReadings(
  actor: Pick<Actor, 'principal'>,
  { topic, device, spaceId, outcomes }: Pick<ReadingQuery, 'topic' | 'device' | 'spaceId' | 'outcomes'>,
): (reading: FoundReading) => boolean {
  requirePermission(actor, 'readings:read')
  const pattern = topic === undefined ? undefined : new RegExp(requireTopicPattern(topic, 'topic'), 's')
  return (reading) =>
    (pattern === undefined || pattern.test(reading.topic)) &&
    (device === undefined || reading.device === device) &&
    (spaceId === undefined || reading.spaceId === spaceId) &&
    (outcomes === undefined || outcomes.includes(reading.outcome))
}
