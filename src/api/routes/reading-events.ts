import { randomInt } from 'node:crypto'
import { wantedReadings } from '../../administration/followed-readings.ts'
import { ReadingStream } from '../../live/reading-stream.ts'
import { eventStreamType, SseSink } from '../../live/stream-sse.ts'
import type { Api } from '../app.ts'
import { connectionOf } from '../connection.ts'
import { actorOf } from '../signed-in.ts'
import { followerOf, mayFollow, type LiveRoutesOptions } from './live-followers.ts'
import { readingEventsRoute } from './reading-events-descriptions.ts'
import { readingBody } from './readings.ts'

/** Clients that lost their stream at one moment do not all come back at one moment. */
const [retryMinMs, retryMaxMs] = [1000, 4000]

/** The log of readings as it is written. */
export function addReadingEventRoutes(app: Api, options: LiveRoutesOptions): void {
  const { streams, readings } = options.live
  app.openapi(readingEventsRoute, (c) => {
    const { topic, device, space_id: spaceId, outcome: outcomes, ...query } = c.req.valid('query')
    const { principal, tenantId } = actorOf(c)
    const wants = wantedReadings({ principal }, { topic, device, spaceId, outcomes })
    // An empty header is what a client has that was told none yet.
    const since = c.req.header('Last-Event-ID') || query.since
    const follower = followerOf(principal, tenantId)
    streams.admit(follower)
    if (c.req.method !== 'HEAD') {
      connectionOf(c).stream = (response) => {
        const stream = streams.keep<ReadingStream>(follower, (hooks) => {
          const retryMs = randomInt(retryMinMs, retryMaxMs)
          const onGone = (how: 'too_slow' | 'gone') => made.gone(how)
          const made: ReadingStream = new ReadingStream({
            ...hooks,
            hub: readings.of(tenantId),
            sink: new SseSink(response, { stuckMs: streams.settings.stuckMs, retryMs, onGone }),
            mayFollow: mayFollow(principal, options, 'readings:read'),
            expiresAt: principal.expiresAt,
            encode: (reading) => JSON.stringify(readingBody(reading)),
            wants,
            since,
          })
          return made
        })
        void stream.follow()
      }
    }
    // Neither a proxy nor a cache is to hold it back.
    const headers = { 'Content-Type': eventStreamType, 'X-Accel-Buffering': 'no' }
    return c.body(`retry: ${retryMinMs}\n\n`, 200, headers)
  })
}
