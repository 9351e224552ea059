import { exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose'
import type { Clock } from '../clock.ts'
import { BaywireError } from '../errors.ts'
import { newId } from '../ids.ts'
import {
  insertSigningKey,
  keysInForce,
  lockSigningKeys,
  moveSigningKey,
  newestKeys,
  retireSigningKeys,
  type SigningKeyRow,
} from '../store/signing-keys.ts'
import type { AccountTransaction, TenantDatabase } from '../store/transactions.ts'
import { earliestUse, keysToRetire, nextKey, publishedBeforeUseMs, signingKey } from './key-schedule.ts'
import { seal, unseal } from './sealing.ts'
import { deriveKey } from '../secret.ts'

export interface SigningKeysOptions {
  tenants: Pick<TenantDatabase, 'withAccounts'>
  /** BAYWIRE_SECRET: the private halves are sealed under a key derived from it. */
  secret: string
  /** How long a key signs before the next one takes over. */
  keyDays: number
  /** What a start makes of keys that were sealed under another secret: a fault, or a reason to make others. */
  onOtherSecret: 'refuse' | 'replace'
  clock: Clock
}

export interface Signer {
  kid: string
  key: CryptoKey
}

/** As `baywire keys list` shows them. */
export interface KeyState {
  kid: string
  state: 'signs' | 'next' | 'verifies' | 'retired'
  createdAt: Date
  signsFrom: Date
  retiredAt: Date | null
}

const algorithm = 'EdDSA'
const dayMs = 24 * 3_600_000
const keysListed = 20

/**
 * The keys that access tokens are signed with (Ed25519), made, rotated and retired by the times of key-schedule.ts. Two are
 * in force at least: the one that signs, and the next one.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  readonly #sealingKey: Buffer
  /** Private halves, unsealed once. */
  readonly #signers = new Map<string, CryptoKey>()

  constructor(options: SigningKeysOptions) {
    this.#options = options
    this.#sealingKey = deriveKey(options.secret, 'signing keys')
  }

  /**
   * Makes what is missing and retires what has had its time: at a start, and from time to time.
   * @throws BaywireError where the key that signs was sealed under another BAYWIRE_SECRET
   */
  async maintain(): Promise<void> {
    const { tenants, keyDays, clock } = this.#options
    await tenants.withAccounts(async (tx) => {
      await lockSigningKeys(tx)
      const now = clock.now()
      const inForce = await this.#usable(tx, now)
      const current = signingKey(inForce, now) ?? (await this.#make(tx, { now, signsFrom: now }))
      await this.#signerOf(current)
      if (nextKey(inForce, now) === undefined) {
        const due = current.signsFrom.getTime() + keyDays * dayMs
        await this.#make(tx, { now, signsFrom: Math.max(due, now + publishedBeforeUseMs) })
      }
      const kids = keysToRetire(await keysInForce(tx), now).map(({ kid }) => kid)
      await retireSigningKeys(tx, { kids, at: new Date(now) })
    })
  }

  /**
   * Those in force that may sign. Where those of another secret are to be replaced they are left out: what they signed stays
   * good, and those that have not begun to sign never do.
   */
  async #usable(tx: AccountTransaction, now: number): Promise<SigningKeyRow[]> {
    const inForce = await keysInForce(tx)
    if (this.#options.onOtherSecret === 'refuse') return inForce
    const foreign = inForce.filter((row) => this.#unseal(row) === undefined)
    const never = foreign.filter(({ signsFrom }) => signsFrom.getTime() > now)
    await retireSigningKeys(tx, { kids: never.map(({ kid }) => kid), at: new Date(now) })
    return inForce.filter((row) => !foreign.includes(row))
  }

  /**
   * Lets the next key sign as soon as it has been published for long enough; what the old one signed stays good. With
   * `atOnce`, for a key that leaked, a new one signs from now on and all others are retired: who holds an access token
   * refreshes it.
   */
  async rotate({ atOnce }: { atOnce: boolean }): Promise<void> {
    const { tenants, clock, keyDays } = this.#options
    await tenants.withAccounts(async (tx) => {
      await lockSigningKeys(tx)
      const now = clock.now()
      const inForce = await keysInForce(tx)
      if (atOnce) {
        await retireSigningKeys(tx, { kids: inForce.map(({ kid }) => kid), at: new Date(now) })
        await this.#make(tx, { now, signsFrom: now })
        await this.#make(tx, { now, signsFrom: now + keyDays * dayMs })
        return
      }
      const next = nextKey(inForce, now) ?? (await this.#make(tx, { now, signsFrom: now + publishedBeforeUseMs }))
      const signsFrom = new Date(earliestUse(next, now))
      // It may be about to sign already.
      if (signsFrom < next.signsFrom) await moveSigningKey(tx, { kid: next.kid, signsFrom })
    })
  }

  async list(): Promise<KeyState[]> {
    const { tenants, clock } = this.#options
    const rows = await tenants.withAccounts((tx) => newestKeys(tx, keysListed))
    const now = clock.now()
    const inForce = rows.filter(({ retiredAt }) => retiredAt === null)
    const current = signingKey(inForce, now)?.kid
    return rows.map(({ kid, createdAt, signsFrom, retiredAt }) => {
      const since = retiredAt !== null ? 'retired' : signsFrom.getTime() > now ? 'next' : 'verifies'
      return { kid, createdAt, signsFrom, retiredAt, state: kid === current ? 'signs' : since }
    })
  }

  /** The key that signs now, read in the transaction of what is signed: whatever was rotated before it counts. */
  async signer(tx: AccountTransaction): Promise<Signer> {
    const current = signingKey(await keysInForce(tx), this.#options.clock.now())
    if (current === undefined) throw new Error('there is no signing key: they are made at the start')
    return { kid: current.kid, key: await this.#signerOf(current) }
  }

  #unseal({ kid, privateSealed }: SigningKeyRow): Buffer | undefined {
    return unseal(this.#sealingKey, privateSealed, kid)
  }

  async #signerOf(row: SigningKeyRow): Promise<CryptoKey> {
    const known = this.#signers.get(row.kid)
    if (known !== undefined) return known
    const opened = this.#unseal(row)
    if (opened === undefined) {
      throw new BaywireError('BAYWIRE_SECRET is not the one that the signing keys were sealed with', {
        advice:
          'set the secret that it was, or make new keys with `baywire keys rotate --now`, after which all sign in anew',
      })
    }
    const key = await importKey(JSON.parse(opened.toString('utf8')) as JWK)
    this.#signers.set(row.kid, key)
    return key
  }

  async #make(tx: AccountTransaction, { now, signsFrom }: { now: number; signsFrom: number }): Promise<SigningKeyRow> {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
    const kid = newId()
    const privateJwk = Buffer.from(JSON.stringify(await exportJWK(privateKey)))
    const { kty, crv, x } = await exportJWK(publicKey)
    const row = {
      kid,
      publicJwk: { kty, crv, x, kid, alg: algorithm, use: 'sig' },
      privateSealed: seal(this.#sealingKey, privateJwk, kid),
      createdAt: new Date(now),
      signsFrom: new Date(signsFrom),
    }
    await insertSigningKey(tx, row)
    return { ...row, retiredAt: null }
  }
}

export async function importKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK({ ...jwk, alg: algorithm }, algorithm)
  if (key instanceof Uint8Array) throw new Error('a signing key is no key of EdDSA')
  return key
}
