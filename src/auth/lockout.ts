import { createHmac } from 'node:crypto'
import {
  closedForS,
  endConsecutive,
  forgetGuesses,
  raiseGuess,
  takeBackGuess,
  type Admission,
  type Guess,
  type GuessLimit,
} from '../store/guesses.ts'
import type { AccountTransaction } from '../store/transactions.ts'

/**
 * How often a secret may be guessed at. Each guess is counted before it is compared, for the account, the address and the
 * account's tenants:
 *
 * - after a few failures an account is closed for a while to devices that are not known;
 * - a device on which somebody logged in before, and a session, have a count of their own: nobody who guesses from
 *   elsewhere locks an owner out;
 * - many failures without a success between them, from wherever, close the account for good: a reset by mail opens it;
 * - of one address, and at one tenant's accounts, only so many failures are let through, known devices apart;
 * - codes, which have tries of their own, are not closed for a while.
 *
 * A guess at nobody's account goes the same way over rows of its own, so that it takes as long.
 */
export interface LockoutOptions {
  /** For the rows of what may be a person's address. */
  key: Buffer
  failures: number
  minutes: number
  consecutive: number
  /** Within a quarter of an hour; 0 for no limit. */
  perAddress: number
  perTenant: number
}

export type Mechanism = 'password' | 'code'

export interface Attempt {
  mechanism: Mechanism
  /** Undefined where there is nobody of that address. */
  userId: string | undefined
  /** As it was typed, in its one form: of nobody's account it chooses the row. */
  email: string
  tenantIds: readonly string[]
  /** What is counted instead of the account's own window: `device:…`, `session:…`. */
  known?: string | undefined
  /** Where it comes from: an address, or the network that counts as one. */
  area: string
}

export interface Verdict {
  /** Whether it may be compared. */
  admitted: boolean
  /** It is the last one before the account is closed. */
  closes: boolean
  /** The address has failed too often: when it may try again, in seconds. */
  addressClosedS: number
}

const quarterHourS = 900

function sharedLimit(failures: number): GuessLimit {
  return { failures, windowS: quarterHourS, closedS: quarterHourS }
}

/** Rows that all guesses at nobody's accounts share. */
const nobodys = 4096

export class Lockout {
  readonly #options: LockoutOptions

  constructor(options: LockoutOptions) {
    this.#options = options
  }

  /** Counts an attempt. To be committed before anything is compared. Locks: address, tenants, account, device. */
  async raise(tx: AccountTransaction, attempt: Attempt): Promise<Verdict> {
    const { mechanism } = attempt
    let admitted = true
    for (const { subject, failures } of this.#shared(attempt)) {
      // oxlint-disable-next-line no-await-in-loop -- statements of one transaction, and in one order
      const admission = await raiseGuess(tx, { subject, mechanism }, sharedLimit(failures))
      if (admission !== 'closed') continue
      admitted = false
      // That an address is closed may be told: it is so for every account.
      // oxlint-disable-next-line no-await-in-loop -- the last statement
      if (subject.startsWith('address:')) return await this.#closedAddress(tx, { subject, mechanism })
    }
    const account = admitted ? await this.#raiseAccount(tx, attempt) : 'closed'
    return { admitted: account !== 'closed', closes: account === 'last', addressClosedS: 0 }
  }

  async #closedAddress(tx: AccountTransaction, guess: Guess): Promise<Verdict> {
    return { admitted: false, closes: false, addressClosedS: Math.max(1, await closedForS(tx, guess)) }
  }

  async #raiseAccount(tx: AccountTransaction, attempt: Attempt): Promise<Admission> {
    const { mechanism } = attempt
    const subject = this.#account(attempt)
    const own = this.#ownLimit()
    const { consecutive } = this.#options
    const hasWindow = mechanism === 'password' && attempt.known === undefined
    const limit = { ...own, failures: hasWindow ? own.failures : 0, consecutive }
    const admission = await raiseGuess(tx, { subject, mechanism }, limit)
    if (admission === 'closed' || attempt.known === undefined) return admission
    return await raiseGuess(tx, { subject: attempt.known, mechanism }, own)
  }

  /** The guess was right: what it raised is taken back, and the account's failures are forgotten. */
  async succeed(tx: AccountTransaction, attempt: Attempt): Promise<void> {
    const { mechanism } = attempt
    for (const { subject, failures } of this.#shared(attempt)) {
      // oxlint-disable-next-line no-await-in-loop -- statements of one transaction, and in one order
      await takeBackGuess(tx, { subject, mechanism }, { failures })
    }
    const account = { subject: this.#account(attempt), mechanism }
    if (attempt.known === undefined) return await forgetGuesses(tx, account)
    await endConsecutive(tx, account)
    await forgetGuesses(tx, { subject: attempt.known, mechanism })
  }

  #ownLimit(): GuessLimit {
    const { failures, minutes } = this.#options
    return { failures, windowS: minutes * 60, closedS: minutes * 60 }
  }

  #account({ userId, email }: Attempt): string {
    return userId === undefined ? `nobody:${this.#bucket(email)}` : `user:${userId}`
  }

  /** Counted for many accounts together. A known device is let past them: who is attacked there keeps working. */
  #shared({ known, area, tenantIds, email }: Attempt): { subject: string; failures: number }[] {
    if (known !== undefined) return []
    const { perAddress, perTenant } = this.#options
    const tenants = tenantIds.toSorted().map((id) => `tenant:${id}`)
    const nobody = `no-tenant:${this.#bucket(email)}`
    return [
      { subject: `address:${area}`, failures: perAddress },
      ...(tenants.length > 0 ? tenants : [nobody]).map((subject) => ({ subject, failures: perTenant })),
    ].filter(({ failures }) => failures > 0)
  }

  #bucket(email: string): number {
    return createHmac('sha256', this.#options.key).update(email).digest().readUInt32BE() % nobodys
  }
}
