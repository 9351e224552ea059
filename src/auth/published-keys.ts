import type { CryptoKey, JWK } from 'jose'
import { keysInForce } from '../store/signing-keys.ts'
import type { TenantDatabase } from '../store/transactions.ts'
import { importKey } from './signing-keys.ts'

export interface PublishedKeysOptions {
  tenants: Pick<TenantDatabase, 'withAccounts'>
  /** For how long what was read is good, and so how long a retired key may go on being taken. */
  holdMs: number
  /** Milliseconds of a clock that only goes on. */
  elapsed?: () => number
}

/** An unknown `kid` asks the database at most this often, whoever makes them up. */
const unknownEveryMs = 30_000

interface Loaded {
  keys: Map<string, CryptoKey>
  jwks: JWK[]
  at: number
}

/** The public halves of the keys in force, as remembered for a moment: what tokens are verified with, and /.well-known/jwks.json. */
export class PublishedKeys {
  readonly #options: Required<PublishedKeysOptions>
  #loaded: Loaded | undefined
  #loading: Promise<Loaded> | undefined
  #generation = 0
  #unknownAt = Number.NEGATIVE_INFINITY

  constructor(options: PublishedKeysOptions) {
    this.#options = { elapsed: () => performance.now(), ...options }
  }

  /** Undefined for a `kid` that is of no key in force, whatever it looks like. */
  async verifier(kid: string): Promise<CryptoKey | undefined> {
    const { keys } = await this.#fresh()
    const known = keys.get(kid)
    const now = this.#options.elapsed()
    if (known !== undefined || now - this.#unknownAt < unknownEveryMs) return known
    // It may be newer than what was read last.
    this.#unknownAt = now
    return (await this.#load()).keys.get(kid)
  }

  async jwks(): Promise<{ keys: JWK[] }> {
    return { keys: (await this.#fresh()).jwks }
  }

  /** Something was changed: what is asked from now on is read anew. */
  invalidate(): void {
    this.#generation += 1
    this.#loaded = undefined
    this.#loading = undefined
  }

  async #fresh(): Promise<Loaded> {
    const { elapsed, holdMs } = this.#options
    if (this.#loaded !== undefined && elapsed() - this.#loaded.at < holdMs) return this.#loaded
    return await this.#load()
  }

  /** One at a time: whoever comes meanwhile shares it. */
  #load(): Promise<Loaded> {
    if (this.#loading !== undefined) return this.#loading
    const loading = this.#read().finally(() => {
      if (this.#loading === loading) this.#loading = undefined
    })
    this.#loading = loading
    return loading
  }

  async #read(): Promise<Loaded> {
    const generation = this.#generation
    const at = this.#options.elapsed()
    const rows = await this.#options.tenants.withAccounts((tx) => keysInForce(tx))
    const imported = rows.map(async ({ kid, publicJwk }) => {
      const key = this.#loaded?.keys.get(kid) ?? (await importKey(publicJwk as JWK))
      return [kid, key] as const
    })
    const jwks = rows.map(({ publicJwk }) => publicJwk as JWK)
    const loaded = { keys: new Map(await Promise.all(imported)), jwks, at }
    // One that began before an `invalidate` is not kept.
    if (generation === this.#generation) this.#loaded = loaded
    return loaded
  }
}
