import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Actor, Principal } from '../auth/principal.ts'
import { keepAnswer, keptAnswer, leaseKey, type IdempotencyScope, type KeptAnswer } from '../store/idempotency.ts'
import { inAttempt, type AnyTenantTransaction } from '../store/statement.ts'
import type { TenantTransaction, TenantWriterTransaction } from '../store/transactions.ts'
import { problemResponse, type ApiEnv } from './context.ts'
import { ApiError } from './errors.ts'
import { failureOf } from './failure.ts'
import { inOwnTenant, writingInOwnTenant, type SignedInOptions, type VerbOptions } from './signed-in.ts'

/**
 * Idempotency-Key: a request that is sent again with the same key has its effect once, and is answered as it was. Effect and
 * answer are one transaction, so that no crash leaves the one without the other.
 */
export interface IdempotentOptions extends VerbOptions {
  /** The answer shows a secret once: it is not kept, and a repetition is told so. */
  secret?: boolean
}

const keyParameter = {
  description: 'makes it safe to send the request again: a UUID, or a structured-field string of 16 to 128 characters',
  example: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
}

/** For the `headers` of a route that takes it. */
export const idempotencyHeader = z.object({ 'idempotency-key': z.string().optional().openapi(keyParameter) })

/** Of a route that is refused without it, by a problem of its own. */
export const requiredIdempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .openapi({ ...keyParameter, param: { name: 'idempotency-key', in: 'header', required: true } }),
})

export interface IdempotencyKey {
  readonly key: string
  readonly fingerprint: Buffer
}

const KEPT_HEADERS = ['Content-Type', 'Location', 'ETag']
/** Refusals that are an answer of the operation itself; all others may come out differently a moment later. */
const KEPT_FAILURES = new Set([404, 409, 422])
const uuidPattern = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i
/** RFC 9651, 3.3.3: printable ASCII in quotes, of which the quote and the backslash are escaped. */
const quotedPattern = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/

/** Reads the key and takes the fingerprint of a POST, before anything has parsed its body. */
export const readIdempotencyKey: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const header = c.req.header('Idempotency-Key')
  if (header !== undefined && c.req.method === 'POST') {
    c.set('idempotency', { key: parseKey(header), fingerprint: await fingerprintOf(c) })
  }
  await next()
}

function parseKey(header: string): string {
  const text = header.trim()
  const key = uuidPattern.test(text) ? text : quotedPattern.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1')
  if (key === undefined || key.length < 16 || key.length > 128) {
    throw new ApiError('invalid_input', 'Wrong input: see errors.', {
      errors: [{ path: 'Idempotency-Key', message: 'must be a UUID, or 16 to 128 characters in double quotes' }],
    })
  }
  return key
}

async function fingerprintOf(c: Context<ApiEnv>): Promise<Buffer> {
  const query = [...new URL(c.req.url).searchParams].map(([name, value]) => JSON.stringify([name, value])).toSorted()
  const type = c.req.header('Content-Type')?.trim().toLowerCase() ?? ''
  return createHash('sha256')
    .update(JSON.stringify([c.req.method, c.req.path, query, type]))
    .update(Buffer.from(await c.req.arrayBuffer()))
    .digest()
}

/**
 * Runs a verb and makes its answer in one transaction of the principal's tenant, once per key. A request without a key simply
 * runs. `work` may be rolled back after it made its answer, so that the answer is all that it does besides.
 */
export async function withIdempotency<R extends Response>(
  c: Context<ApiEnv>,
  { secret = false, ...options }: IdempotentOptions,
  work: (tx: TenantTransaction, actor: Actor) => Promise<R>,
): Promise<R> {
  return await inOwnTenant(c, options, (tx, actor) => oncePerKey(c, { tx, secret }, (inner) => work(inner, actor)))
}

/**
 * The same for what steps spaces, and is never sent without a key. Where `work` refuses it leaves nothing behind: many may be
 * refused at once, and each statement less counts.
 */
export async function steppingOncePerKey<R extends Response>(
  c: Context<ApiEnv>,
  options: SignedInOptions,
  work: (tx: TenantWriterTransaction, actor: Actor) => Promise<R>,
): Promise<R> {
  if (c.get('idempotency') === undefined) {
    const detail = 'Send an Idempotency-Key, so that it is done once however often it is sent: see the link in type.'
    throw new ApiError('idempotency_key_required', detail)
  }
  return await writingInOwnTenant(c, options, (tx, actor) =>
    oncePerKey(c, { tx, undoesItself: true }, (inner) => work(inner, actor)),
  )
}

/** The same in a transaction that is there already, and has entered the principal's tenant. */
export async function oncePerKey<Tx extends AnyTenantTransaction, R extends Response>(
  c: Context<ApiEnv>,
  { tx, secret = false, undoesItself = false }: { tx: Tx; secret?: boolean; undoesItself?: boolean },
  work: (tx: Tx) => Promise<R>,
): Promise<R> {
  const idempotency = c.get('idempotency')
  if (idempotency === undefined) return await work(tx)
  const { key, fingerprint } = idempotency
  const scope = { principal: nameOf(c.get('principal')), method: c.req.method, route: routePath(c), key }
  const kept = await findAnswer(tx, { scope, fingerprint })
  if (kept !== undefined) return replay(c, kept) as R
  const answer = await attempt(c, () => (undoesItself ? work(tx) : inAttempt(tx, work)))
  await keepAnswer(tx, scope, { fingerprint, ...(await toKeep(answer, secret)) })
  return answer
}

function nameOf(principal: Principal): string {
  return principal.kind === 'user' ? `user:${principal.userId}` : `api_key:${principal.apiKeyId}`
}

async function findAnswer(
  tx: AnyTenantTransaction,
  { scope, fingerprint }: { scope: IdempotencyScope; fingerprint: Buffer },
): Promise<KeptAnswer | undefined> {
  if (!(await leaseKey(tx, scope))) {
    const detail = 'The request with this Idempotency-Key is still running.'
    throw new ApiError('idempotency_running', detail, { retryAfterS: 1 })
  }
  const kept = await keptAnswer(tx, scope)
  if (kept !== undefined && !kept.fingerprint.equals(fingerprint)) {
    throw new ApiError('idempotency_mismatch', 'This Idempotency-Key was used for another request.')
  }
  return kept
}

/** A refusal takes back what was done, and is an answer to keep all the same. */
async function attempt<R extends Response>(c: Context<ApiEnv>, work: () => Promise<R>): Promise<R> {
  try {
    return await work()
  } catch (error) {
    const failure = failureOf(error)
    const response = problemResponse(c, failure)
    if (!KEPT_FAILURES.has(response.status)) throw error
    return response as R
  }
}

async function toKeep(answer: Response, secret: boolean): Promise<Omit<KeptAnswer, 'fingerprint'>> {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = answer.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  const body = secret && answer.ok ? null : Buffer.from(await answer.clone().arrayBuffer())
  return { status: answer.status, headers: Object.fromEntries(headers), body }
}

function replay(c: Context<ApiEnv>, { status, headers, body }: KeptAnswer): Response {
  if (body === null) {
    const detail = 'This was done already, and its answer held a secret that is shown only once. Give it another one.'
    const response = problemResponse(c, new ApiError('idempotency_answer_gone', detail))
    const location = headers['Location']
    if (location !== undefined) response.headers.set('Location', location)
    return response
  }
  const answered = { ...headers, 'Idempotency-Replayed': 'true' }
  return status === 204
    ? new Response(null, { status, headers: answered })
    : new Response(new Uint8Array(body), { status, headers: answered })
}
