import { createHash } from 'node:crypto'

/** A body as it goes out, and the strong ETag of exactly these bytes: equal in all processes. */
export interface KeptBody {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly etag: string
}

export function bodyOf(text: string): KeptBody {
  const bytes = new Uint8Array(new TextEncoder().encode(text))
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 40)}"` }
}

/** Bodies made of something that changes: once for each revision of it, when they are first asked for. They go with it. */
export class KeptBodies {
  readonly #bodies = new WeakMap<object, Map<string, { revision: number; body: KeptBody }>>()

  get({ of, name, revision }: { of: object; name: string; revision: number }, make: () => string): KeptBody {
    let bodies = this.#bodies.get(of)
    if (bodies === undefined) {
      bodies = new Map()
      this.#bodies.set(of, bodies)
    }
    const kept = bodies.get(name)
    if (kept?.revision === revision) return kept.body
    const body = bodyOf(make())
    // That nothing of it has changed is worth knowing: its bytes may be older, and are the same.
    const same = kept?.body.etag === body.etag ? kept.body : body
    bodies.set(name, { revision, body: same })
    return same
  }
}
