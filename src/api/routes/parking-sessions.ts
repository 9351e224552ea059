import { listParkingSessions, listSessionsOfSpace } from '../../administration/parking-sessions.ts'
import type { ListedSession } from '../../store/parking-sessions.ts'
import type { Api } from '../app.ts'
import { decodeCursor } from '../cursor.ts'
import { ApiError } from '../errors.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { listRoute, ofSpaceRoute } from './parking-sessions-descriptions.ts'
import { pageBy } from './places.ts'

const list = 'parking-sessions'

export function addParkingSessionRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, space_id: spaceId, site_id: siteId, ...span } = c.req.valid('query')
    const wanted = { ...span, spaceId, siteId, after: placeOf(cursor), limit: limit + 1 }
    const rows = await inOwnTenant(c, options, (tx, actor) => listParkingSessions(tx, actor, wanted))
    return c.json(pageBy(rows, { list, limit, key: keyOf, item: bodyOf }), 200)
  })

  app.openapi(ofSpaceRoute, async (c) => {
    const { limit, cursor, ...span } = c.req.valid('query')
    const wanted = { ...span, spaceId: c.req.valid('param').id, after: placeOf(cursor), limit: limit + 1 }
    const rows = await inOwnTenant(c, options, (tx, actor) => listSessionsOfSpace(tx, actor, wanted))
    return c.json(pageBy(rows, { list, limit, key: keyOf, item: bodyOf }), 200)
  })
}

/** Start and space: together they are of one session alone. */
function keyOf({ started_ms: startedAt, space_id: spaceId }: ListedSession): string {
  return `${startedAt}_${spaceId}`
}

function placeOf(cursor: string | undefined): { startedAt: number; spaceId: string } | undefined {
  if (cursor === undefined) return undefined
  const [, startedAt, spaceId] =
    /^(-?\d{1,15})_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/.exec(decodeCursor(list, cursor)) ?? []
  if (spaceId !== undefined) return { startedAt: Number(startedAt), spaceId }
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}

function bodyOf({ started_ms: _startedMs, ...session }: ListedSession) {
  return session
}
