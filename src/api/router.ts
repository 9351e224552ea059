import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'
import { LRUCache } from 'lru-cache'

/** Paths remembered at most, and how long one may be that is. */
const PATHS = 2000
const PATH_CHARACTERS = 200

/**
 * Remembers which handlers a path leads to: the same paths are asked for again and again, and looking one up among all routes
 * takes a good part of an answer from memory. Hono's faster router refuses routes like ours, `/spaces/export` beside
 * `/spaces/{id}`.
 */
export class RememberingRouter<Handler> implements Router<Handler> {
  readonly name = 'RememberingRouter'
  readonly #routes = new TrieRouter<Handler>()
  readonly #found = new LRUCache<string, Result<Handler>>({ max: PATHS })

  add(method: string, path: string, handler: Handler): void {
    this.#found.clear()
    this.#routes.add(method, path, handler)
  }

  match(method: string, path: string): Result<Handler> {
    if (path.length > PATH_CHARACTERS) return this.#routes.match(method, path)
    const key = `${method} ${path}`
    const known = this.#found.get(key)
    if (known !== undefined) return known
    const found = this.#routes.match(method, path)
    this.#found.set(key, found)
    return found
  }
}
