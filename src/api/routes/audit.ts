import { listAudit } from '../../administration/audit.ts'
import type { ActorKind, AuditFilter, RecordedEntry } from '../../store/audit.ts'
import type { Api } from '../app.ts'
import { decodeCursor, toPage } from '../cursor.ts'
import { ApiError } from '../errors.ts'
import { inOwnTenant, type SignedInOptions } from '../signed-in.ts'
import { auditRoute } from './audit-descriptions.ts'

export function addAuditRoutes(app: Api, options: SignedInOptions): void {
  app.openapi(auditRoute, async (c) => {
    const { limit, cursor, ...query } = c.req.valid('query')
    const page = { filter: filterOf(query), before: seqOf(cursor), limit: limit + 1 }
    const entries = await inOwnTenant(c, options, (tx, actor) => listAudit(tx, actor, page))
    const rows = entries.map((entry) => ({ ...entry, code: String(entry.seq) }))
    return c.json(toPage(rows, { list: 'audit', limit, item: entryBody }), 200)
  })
}

interface Query {
  actor?: string | undefined
  action?: string | undefined
  target?: string | undefined
  since?: string | undefined
  until?: string | undefined
}

function filterOf({ actor, action, target, since, until }: Query): AuditFilter {
  const [actorKind, actorId] = split(actor)
  const [targetKind, targetId] = split(target)
  return {
    // The schema has let through these kinds alone.
    actorKind: actorKind as ActorKind | undefined,
    actorId,
    action,
    targetKind,
    targetId,
    since: since === undefined ? undefined : new Date(since),
    until: until === undefined ? undefined : new Date(until),
  }
}

function split(text: string | undefined): [string | undefined, string | undefined] {
  if (text === undefined) return [undefined, undefined]
  const colon = text.indexOf(':')
  return colon === -1 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)]
}

function seqOf(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const seq = decodeCursor('audit', cursor)
  if (/^[1-9]\d{0,14}$/.test(seq)) return Number(seq)
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}

function entryBody({ seq, at, actorKind, actorId, action, targetKind, targetId, ...entry }: RecordedEntry) {
  return {
    seq,
    at: at.toISOString(),
    actor: { kind: actorKind, id: actorId },
    action,
    target: { kind: targetKind, id: targetId },
    detail: entry.detail,
    request_id: entry.requestId,
    hash: entry.hash,
  }
}
