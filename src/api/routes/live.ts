import { randomInt } from 'node:crypto'
import { requirePermission } from '../../auth/principal.ts'
import { eventBody } from '../../live/event-body.ts'
import { roomOf, snapshotUrl } from '../../live/rooms.ts'
import { eventStreamType, SseSink } from '../../live/stream-sse.ts'
import type { Stream } from '../../live/stream.ts'
import { gapBehind } from '../../store/events.ts'
import type { Api } from '../app.ts'
import { connectionOf } from '../connection.ts'
import { ApiError } from '../errors.ts'
import { actorOf, inOwnTenant } from '../signed-in.ts'
import { withinTime } from '../time-limit.ts'
import { followerOf, mayFollow, type LiveRoutesOptions } from './live-followers.ts'
import { changesRoute, eventsRoute } from './live-descriptions.ts'
import { addSocketRoutes } from './live-socket.ts'

/** Clients that lost their stream at one moment do not all come back at one moment. */
const [retryMinMs, retryMaxMs] = [1000, 4000]

export function addLiveRoutes(app: Api, options: LiveRoutesOptions): void {
  addChanges(app, options)
  addEvents(app, options)
  addSocketRoutes(app, options)
}

function addChanges(app: Api, options: LiveRoutesOptions): void {
  const { cursors } = options.live
  app.openapi(changesRoute, async (c) => {
    const { since, limit, site_id: siteId, space_id: spaceId } = c.req.valid('query')
    const { tenantId } = actorOf(c)
    const after = since === undefined ? undefined : cursors.positionOf(tenantId, since)
    if (since !== undefined && after === undefined) throw notACursor()
    const behind = { after: after ?? Number.MAX_SAFE_INTEGER, limit, siteId, spaceId }
    const { head, droppedUntil, events } = await inOwnTenant(c, options, async (tx, actor) => {
      requirePermission(actor, 'places:read')
      return await gapBehind(tx, behind)
    })
    const last = events.length < limit ? head : (events.at(-1)?.position ?? head)
    const next = cursors.of(tenantId, last)
    if (after !== undefined && (after < droppedUntil || after > head)) {
      const reset = { snapshot_url: snapshotUrl(roomOf({ siteId, spaceId })) }
      return c.json({ items: [], next: cursors.of(tenantId, head), reset }, 200)
    }
    const items = events.map((event) => eventBody(event, cursors.of(tenantId, event.position)))
    return c.json({ items, next }, 200)
  })
}

function notACursor(): ApiError {
  return new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'since', message: 'is no cursor of this tenant: take it from next, or from an event' }],
  })
}

function addEvents(app: Api, options: LiveRoutesOptions): void {
  const { streams } = options.live
  app.openapi(eventsRoute, async (c) => {
    const principal = c.get('principal')
    requirePermission({ principal }, 'places:read')
    const { tenantId } = actorOf(c)
    const { site_id: siteId, space_id: spaceId, ...query } = c.req.valid('query')
    // An empty header is what a client has that was told none yet.
    const since = c.req.header('Last-Event-ID') || query.since
    const follower = followerOf(principal, tenantId)
    const hub = await withinTime(streams.hub(tenantId), options.databaseWaitMs)
    streams.admit(follower)
    const connection = connectionOf(c)
    if (c.req.method !== 'HEAD') {
      connection.stream = (response) => {
        const { stuckMs } = streams.settings
        const sink = (stream: () => Stream) =>
          new SseSink(response, {
            stuckMs,
            retryMs: randomInt(retryMinMs, retryMaxMs),
            onGone: (how) => stream().gone(how),
          })
        const { expiresAt } = principal
        const stream = streams.open(hub, { follower, sink, mayFollow: mayFollow(principal, options), expiresAt })
        stream.subscribe(roomOf({ siteId, spaceId }), since)
      }
    }
    // Neither a proxy nor a cache is to hold it back.
    const headers = { 'Content-Type': eventStreamType, 'X-Accel-Buffering': 'no' }
    return c.body(`retry: ${retryMinMs}\n\n`, 200, headers)
  })
}
