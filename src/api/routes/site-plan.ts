import type { Clock } from '../../clock.ts'
import { planOf, siteHistoryOf } from '../../explain/site-plan.ts'
import { initialState, visibleState } from '../../occupancy/state.ts'
import type { EventOfSite, SitePlace } from '../../store/site-history.ts'
import type { PlannedSpace } from '../../store/site-plan.ts'
import type { Api } from '../app.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { ApiError } from '../errors.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { periodOf } from './period.ts'
import { planRoute, siteHistoryRoute } from './site-plan-descriptions.ts'

const LIST = 'site-history'

/** What the spaces of a site showed: at a moment, and from one to another. */
export function addSitePlanRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  const { clock } = options
  app.openapi(planRoute, async (c) => {
    const siteId = c.req.valid('param').id
    const { at } = c.req.valid('query')
    const question = { siteId, at: at === undefined ? undefined : Date.parse(at), clock }
    const plan = await inOwnTenant(c, options, (tx, actor) => planOf(tx, actor, question))
    return c.json({ at: timeOf(plan.at), kept_from: timeOrNull(plan.keptFrom), items: plan.spaces.map(spaceBody) }, 200)
  })
  app.openapi(siteHistoryRoute, async (c) => {
    const { limit, cursor, from, to } = c.req.valid('query')
    const siteId = c.req.valid('param').id
    const after = cursor === undefined ? undefined : placeOf(cursor)
    const query = { siteId, ...periodOf({ from, to }, clock), after, limit }
    const { events, more, keptFrom } = await inOwnTenant(c, options, (tx, actor) => siteHistoryOf(tx, actor, query))
    const last = events.at(-1)
    const next = more && last !== undefined ? encodeCursor(LIST, `${last.recordedAt}.${last.position}`) : null
    return c.json({ items: events.map(entryBody), next, kept_from: timeOrNull(keptFrom) }, 200)
  })
}

const unknown = { ...visibleState(initialState), since: null, observed_at: null }

function spaceBody({ id, code, name, level, state }: PlannedSpace) {
  return { space_id: id, code, name, level, ...(state ?? unknown) }
}

/** Who did it is for those who may read the audit log. */
function entryBody({ spaceId, space, recordedAt, eventTime, kind, cause, rule, state }: EventOfSite) {
  return {
    space_id: spaceId,
    space,
    recorded_at: timeOf(recordedAt),
    event_time: timeOf(eventTime),
    kind,
    cause: cause.type === 'user' ? { type: cause.type } : cause,
    rule,
    state,
  }
}

function placeOf(cursor: string): SitePlace {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(decodeCursor(LIST, cursor))
  if (match !== null) return { recordedAt: Number(match[1]), position: Number(match[2]) }
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

function timeOrNull(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : timeOf(milliseconds)
}
