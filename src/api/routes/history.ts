import type { Clock } from '../../clock.ts'
import { historyOf, type HistoryPlace } from '../../explain/history.ts'
import type { EventOfSpace } from '../../store/explain-events.ts'
import type { Api } from '../app.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { ApiError } from '../errors.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { periodOf } from './period.ts'
import { historyRoute } from './history-descriptions.ts'

const LIST = 'history'

export function addHistoryRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  app.openapi(historyRoute, async (c) => {
    const { limit, cursor, from, to } = c.req.valid('query')
    const spaceId = c.req.valid('param').id
    const after = cursor === undefined ? undefined : placeOf(cursor)
    const page = { spaceId, ...periodOf({ from, to }, options.clock), after, limit }
    const { events, more, before } = await inOwnTenant(c, options, (tx, actor) => historyOf(tx, actor, page))
    const last = events.at(-1)
    const next = more && last !== undefined ? encodeCursor(LIST, `${last.inputSeq}.${last.ordinal}`) : null
    return c.json({ items: events.map(entryBody), next, before: before === undefined ? null : entryBody(before) }, 200)
  })
}

function placeOf(cursor: string): HistoryPlace {
  const match = /^(\d{1,15})\.(\d{1,4})$/.exec(decodeCursor(LIST, cursor))
  if (match !== null) return [Number(match[1]), Number(match[2])]
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}

/** Who did it is for those who may read the audit log. */
function entryBody({ recordedAt, eventTime, kind, cause, rule, state }: EventOfSpace) {
  return {
    recorded_at: new Date(recordedAt).toISOString(),
    event_time: new Date(eventTime).toISOString(),
    kind,
    cause: cause.type === 'user' ? { type: cause.type } : cause,
    rule,
    state,
  }
}
