import type { Context } from 'hono'
import { Refusal, revisionOutdated } from '../refusal.ts'
import type { ApiEnv } from './context.ts'

/** A resource's ETag is its revision: whoever changes its fields says which one they have seen (RFC 9110, 13.1.1). */
export function etagOf({ revision }: { revision: number }): string {
  return `"${revision}"`
}

/**
 * The revision that `If-Match` names.
 * @throws Refusal `revision_required` where there is none, `revision_outdated` where it cannot be one of ours
 */
export function expectedRevision(c: Context<ApiEnv>): number {
  const header = c.req.header('If-Match')
  if (header === undefined) {
    throw new Refusal('revision_required', 'Send the ETag of what you have read as If-Match.')
  }
  const match = /^"(0|[1-9]\d{0,8})"$/.exec(header.trim())
  if (match === null) throw revisionOutdated()
  return Number(match[1])
}
