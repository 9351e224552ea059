import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { newId } from '../ids.ts'
import { insertCode, openCode, tryCode, type CodePurpose, type OpenCode } from '../store/codes.ts'
import type { AccountTransaction } from '../store/transactions.ts'

/**
 * Codes to type in and tokens of links. What is kept of one is an HMAC, under a key that is not in the database, over
 * everything that it is bound to: whoever reads the whole database still has to guess, and a code is good for its own
 * purpose, person and address alone.
 */
export interface CodeOptions {
  key: Buffer
  digits: number
  codeMinutes: number
  tries: number
  linkMinutes: number
}

export interface SentCode {
  code: string
  expiresAt: Date
}

interface Challenge {
  userId: string
  purpose: CodePurpose
  address: string
}

const tokenBytes = 32
const tokenShape = z.tuple([z.uuid(), z.string().regex(/^[A-Za-z0-9_-]{43}$/)])

export class CodeBook {
  readonly #options: CodeOptions

  constructor(options: CodeOptions) {
    this.#options = options
  }

  /** A few digits: good for a few tries. */
  async issueDigits(tx: AccountTransaction, challenge: Challenge): Promise<SentCode> {
    const code = randomDigits(this.#options.digits)
    const { expiresAt } = await this.#keep(tx, { ...challenge, code, minutes: this.#options.codeMinutes })
    return { code, expiresAt }
  }

  /** 256 bits, and the id that finds them again. */
  async issueToken(tx: AccountTransaction, challenge: Challenge): Promise<SentCode> {
    const code = randomBytes(tokenBytes).toString('base64url')
    const { id, expiresAt } = await this.#keep(tx, { ...challenge, code, minutes: this.#options.linkMinutes })
    return { code: `${id}.${code}`, expiresAt }
  }

  async #keep(
    tx: AccountTransaction,
    { code, minutes, ...challenge }: Challenge & { code: string; minutes: number },
  ): Promise<{ id: string; expiresAt: Date }> {
    const id = newId()
    const hash = this.#hash({ id, ...challenge, code })
    return { id, expiresAt: await insertCode(tx, { id, ...challenge, hash, lifeS: minutes * 60 }) }
  }

  /** Counts a try and keeps it in mind; to be committed before `matches` is asked. */
  async tryDigits(
    tx: AccountTransaction,
    { userId, purpose }: Pick<Challenge, 'userId' | 'purpose'>,
  ): Promise<OpenCode | undefined> {
    return await tryCode(tx, { userId, purpose, tries: this.#options.tries })
  }

  /** The open code that a token belongs to. Nobody guesses 256 bits, so nothing is counted. */
  async findToken(tx: AccountTransaction, token: string, purpose: CodePurpose): Promise<OpenCode | undefined> {
    const parsed = tokenShape.safeParse(token.split('.'))
    if (!parsed.success) return undefined
    const [id, code] = parsed.data
    const found = await openCode(tx, { id, purpose })
    return found !== undefined && this.matches(found, { purpose, code }) ? found : undefined
  }

  matches(open: OpenCode, { purpose, code }: { purpose: CodePurpose; code: string }): boolean {
    const { id, userId, address, hash } = open
    return timingSafeEqual(hash, this.#hash({ id, userId, purpose, address, code }))
  }

  #hash({ id, userId, purpose, address, code }: Challenge & { id: string; code: string }): Buffer {
    return createHmac('sha256', this.#options.key)
      .update(JSON.stringify([id, userId, purpose, address, code]))
      .digest()
  }
}

/** Each as likely as any other. */
export function randomDigits(digits: number): string {
  return String(randomInt(0, 10 ** digits)).padStart(digits, '0')
}
