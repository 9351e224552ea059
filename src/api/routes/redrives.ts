import { cancelRedrive, listRedrives, readRedrive, requestRedrive } from '../../administration/redrives.ts'
import type { RequestedLetters, RequestedRedrive } from '../../store/redrive-requests.ts'
import type { Api } from '../app.ts'
import { afterId, toPageById } from '../id-cursor.ts'
import { withIdempotency } from '../idempotency.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { cancelRoute, listRoute, readRoute, REDRIVES, requestRoute } from './redrives-descriptions.ts'

const LIST = 'redrives'

export function addRedriveRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(requestRoute, async (c) => {
    const { filter, execute, force, expected_letters: expectedLetters = null } = c.req.valid('json')
    const wanted = { filter: lettersOf(filter), execute, force, expectedLetters }
    return await withIdempotency(c, options, async (tx, actor) => {
      const made = await requestRedrive(tx, actor, wanted)
      return c.json(redriveBody(made), 202, { Location: `${REDRIVES}/${made.id}` })
    })
  })

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, status } = c.req.valid('query')
    const page = { before: afterId(LIST, cursor), limit: limit + 1, status }
    const rows = await inOwnTenant(c, options, (tx, actor) => listRedrives(tx, actor, page))
    return c.json(toPageById(rows, { list: LIST, limit, item: redriveBody }), 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(redriveBody(await inOwnTenant(c, options, (tx, actor) => readRedrive(tx, actor, id))), 200)
  })

  app.openapi(cancelRoute, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(redriveBody(await inOwnTenant(c, options, (tx, actor) => cancelRedrive(tx, actor, id))), 200)
  })
}

function lettersOf({ from, to, ...filter }: RequestedLetters): RequestedLetters {
  return { ...filter, from: inUtc(from), to: inUtc(to) }
}

function inUtc(text: string | undefined): string | undefined {
  return text === undefined ? undefined : new Date(text).toISOString()
}

function redriveBody(redrive: RequestedRedrive) {
  const { id, status, filter, execute, force, expectedLetters, lettersTotal, lettersDone, report, reason } = redrive
  return {
    id,
    status,
    filter: { ...filter, outcome: filter.outcome && [...filter.outcome] },
    execute,
    force,
    expected_letters: expectedLetters,
    letters_total: lettersTotal,
    letters_done: lettersDone,
    report: redrive.endedAt === null ? null : report && { ...report, readings: { ...report.readings } },
    reason,
    requested_by: redrive.requestedBy,
    requested_at: new Date(redrive.requestedAt).toISOString(),
    cancel_requested_at: timeOf(redrive.cancelRequestedAt),
    started_at: timeOf(redrive.startedAt),
    ended_at: timeOf(redrive.endedAt),
  }
}

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
