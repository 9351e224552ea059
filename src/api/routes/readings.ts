import { findReadings } from '../../administration/readings.ts'
import type { Clock } from '../../clock.ts'
import { messageBody } from '../../explain/body.ts'
import type { FoundReading } from '../../store/reading-search.ts'
import type { Api } from '../app.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { logCursor, logKey } from './log-cursor.ts'
import { periodOf } from './period.ts'
import { listReadingsRoute } from './readings-descriptions.ts'

const LIST = 'readings'
/** So long one page is searched for: less than a request may wait for the database. */
const SEARCH_MS = 3000

export function addReadingRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  app.openapi(listReadingsRoute, async (c) => {
    const { limit, cursor, topic, device, space_id: spaceId, outcome: outcomes, from, to } = c.req.valid('query')
    const before = cursor === undefined ? undefined : logKey(LIST, cursor)
    const period = periodOf({ from, to }, options.clock)
    const filter = { topic, device, spaceId, outcomes, ...period, signal: AbortSignal.timeout(SEARCH_MS) }
    const { readings, next } = await inOwnTenant(c, options, (tx, actor) =>
      findReadings(tx, actor, { ...filter, before, limit }),
    )
    return c.json({ items: readings.map(readingBody), next: next === undefined ? null : logCursor(LIST, next) }, 200)
  })
}

export function readingBody(reading: FoundReading) {
  const { deviceId, spaceId, inputSeq, policyVersion } = reading
  return {
    ...messageBody(reading, new Map()),
    device_id: deviceId,
    space_id: spaceId,
    input_seq: inputSeq,
    policy_version: policyVersion,
  }
}
