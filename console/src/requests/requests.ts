import type { ClientResponse } from 'hono/client'
import type { SuccessStatusCode } from 'hono/utils/http-status'
import { createClient, type BaywireClient } from '../../../src/api/client.ts'
import type { Connection } from './connection.ts'
import { Problem, problemOf, SignedOut, Unreachable } from './problem.ts'

/** What requests are sent with: the session gives the token, and another one where it is refused. */
export interface Credentials {
  /** @throws SignedOut */
  accessToken(): Promise<string>
  /** That token was refused: the next one, if there is one. @throws SignedOut */
  renew(refused: string): Promise<string>
  /** That one was refused as well. */
  ended(): void
}

export interface Requests {
  /** The typed client. Its answers are good ones: everything else is thrown as `Problem`, `Unreachable` or `SignedOut`. */
  readonly api: BaywireClient['api']['v1']
  /** The same for what the typed client does not know, such as streams. */
  readonly send: typeof fetch
}

export function createRequests({
  credentials,
  connection,
}: {
  credentials: Credentials
  connection: Connection
}): Requests {
  const send: typeof fetch = async (input, init = {}) => {
    const token = await credentials.accessToken()
    const first = await reach(connection, () => fetch(input, authorized(init, token)))
    const response =
      first.status === 401
        ? await credentials.renew(token).then((next) => reach(connection, () => fetch(input, authorized(init, next))))
        : first
    if (response.ok) return response
    const problem = await reach(connection, () => problemOf(response))
    if (problem.status === 401) {
      credentials.ended()
      throw new SignedOut()
    }
    if (problem.kind === 'unavailable') connection.lost()
    throw problem
  }
  return { api: createClient(location.origin, { fetch: send }).api.v1, send }
}

/** @throws Unreachable, and tells `connection` */
export async function reach<T>(connection: Connection, ask: () => Promise<T>): Promise<T> {
  try {
    const answer = await ask()
    connection.answered()
    return answer
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    connection.lost()
    throw error instanceof Unreachable ? error : new Unreachable(error)
  }
}

function authorized(init: RequestInit, token: string): RequestInit {
  const headers = new Headers(init.headers)
  headers.set('Authorization', `Bearer ${token}`)
  return { ...init, headers, cache: 'no-store' }
}

/** What a good answer has. */
type Good<R> =
  R extends ClientResponse<infer Body, infer Status, 'json'> ? (Status extends SuccessStatusCode ? Body : never) : never

/** The body of an answer: `await bodyOf(api.sites.$get({ query: {} }))`. */
export async function bodyOf<R extends ClientResponse<unknown>>(asked: Promise<R>): Promise<Good<R>> {
  return (await (await asked).json()) as Good<R>
}

/** With the revision that a change of it must name (`If-Match`). */
export async function bodyAndRevisionOf<R extends ClientResponse<unknown>>(
  asked: Promise<R>,
): Promise<{ body: Good<R>; revision: string }> {
  const response = await asked
  return { body: (await response.json()) as Good<R>, revision: response.headers.get('ETag') ?? '' }
}

/** All items of a list that comes page by page, no more than `most`. */
export async function allPages<T>(
  page: (cursor: string | undefined) => Promise<{ items: T[]; next: string | null }>,
  { most = 50_000 }: { most?: number } = {},
): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    // oxlint-disable-next-line no-await-in-loop -- each page names the next
    const { items: more, next } = await page(cursor)
    items.push(...more)
    cursor = next ?? undefined
  } while (cursor !== undefined && items.length < most)
  return items
}

/** For the header of what must not be done twice: a structured-field string, with its quotes. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18))
  return `"${btoa(String.fromCharCode(...bytes))}"`
}

export function isProblem(error: unknown, kind?: string): error is Problem {
  return error instanceof Problem && (kind === undefined || error.kind === kind)
}
