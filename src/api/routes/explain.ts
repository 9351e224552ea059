import type { Clock } from '../../clock.ts'
import { explanationBody } from '../../explain/body.ts'
import { explainFor } from '../../explain/explain.ts'
import type { Api } from '../app.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { explainRoute } from './explain-descriptions.ts'
import { addHistoryRoutes } from './history.ts'
import { addReadingRoutes } from './readings.ts'

/** What happened to a space, and why; and the log of readings. */
export function addExplainRoutes(app: Api, options: SignedInOptions & { clock: Clock }): void {
  const { clock } = options
  app.openapi(explainRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { at, as_known_now: asKnownNow } = c.req.valid('query')
    const question = { space: { id }, at: at === undefined ? undefined : Date.parse(at), asKnownNow, clock }
    const explained = await inOwnTenant(c, options, (tx, actor) => explainFor(tx, actor, question))
    return c.json(explanationBody(explained), 200)
  })
  addHistoryRoutes(app, options)
  addReadingRoutes(app, options)
}
