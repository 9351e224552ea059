import type { Outcome } from '../store/books.ts'
import type { FiledReading } from './replay-file.ts'

/** Which readings, as a person says it. Times in epoch milliseconds, [since, until), of arrival. */
export interface ReadingFilter {
  readonly tenant?: string | undefined
  readonly site?: string | undefined
  readonly space?: string | undefined
  readonly device?: string | undefined
  /** A regular expression that the topic must match: see `topicPattern`. */
  readonly topic?: string | undefined
  readonly outcomes?: readonly Outcome[] | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** The filter for readings of a file, which name places by their codes. */
export function matcher(filter: ReadingFilter): (reading: FiledReading) => boolean {
  const { tenant, site, space, device, outcomes, since = -Infinity, until = Infinity } = filter
  const topic = filter.topic === undefined ? undefined : new RegExp(filter.topic, 's')
  return (reading) => {
    const [siteCode, spaceCode] = reading.space?.split('/') ?? []
    return (
      (tenant === undefined || reading.tenant === tenant) &&
      (site === undefined || siteCode === site) &&
      (space === undefined || spaceCode === space) &&
      (device === undefined || reading.device === device) &&
      (outcomes === undefined || outcomes.includes(reading.outcome)) &&
      (topic === undefined || topic.test(reading.topic)) &&
      reading.receivedAt >= since &&
      reading.receivedAt < until
    )
  }
}
