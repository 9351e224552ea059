import type { Context } from 'hono'
import type { ApiEnv } from './context.ts'
import type { KeptBody } from './kept-bodies.ts'

/**
 * An answer with an ETag, or 304 where the client has these very bytes. Of the type that the route says it answers: the bytes
 * are of its schema, which a test holds and no compiler can.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is what the route has to return
export function answerWith<Answer>(c: Context<ApiEnv>, body: KeptBody, type = 'application/json'): Answer {
  return conditional(c, body, type) as Answer
}

function conditional(c: Context<ApiEnv>, { bytes, etag }: KeptBody, type: string): Response {
  const asked = c.req.header('If-None-Match')
  if (asked !== undefined && matches(asked, etag)) return c.body(null, 304, { ETag: etag })
  return c.body(bytes, 200, { 'Content-Type': type, 'Content-Length': String(bytes.byteLength), ETag: etag })
}

/** RFC 9110, 13.1.2: compared weakly, since what is between us and the client may have weakened it. */
function matches(asked: string, etag: string): boolean {
  return asked === etag || asked.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
}
