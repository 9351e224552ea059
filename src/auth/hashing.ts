import { randomBytes } from 'node:crypto'
import { argon2id, hash, needsRehash, verify } from 'argon2'
import { Refusal } from '../refusal.ts'

/**
 * argon2id, a few at a time: each takes tens of megabytes and a processor for tens of milliseconds, so a flood of
 * logins waits in a bounded line, and what does not fit into it is refused at once instead of starving everything else.
 */
export interface HashingOptions {
  memoryKib: number
  passes: number
  /** Most at a time. */
  atOnce: number
  /** Most that wait. */
  waiting: number
}

/** What may be done with passwords by whoever's turn it is. */
export interface HashingTurn {
  hash(password: string): Promise<string>
  /** Without a hash (nobody of that name, a locked account) it takes as long, and is false. */
  verify(hash: string | undefined, password: string): Promise<boolean>
  /** Whether the hash was made with other parameters than those of now. */
  isOutdated(hash: string): boolean
}

const lanes = 1
const retryAfterS = 1

export class PasswordHasher {
  readonly #options: HashingOptions
  readonly #turn: HashingTurn
  readonly #line: (() => void)[] = []
  #running = 0

  private constructor(options: HashingOptions, dummy: string) {
    this.#options = options
    const { memoryKib: memoryCost, passes: timeCost } = options
    const parameters = { memoryCost, timeCost, parallelism: lanes }
    this.#turn = {
      hash: (password) => hash(password, { ...parameters, type: argon2id }),
      async verify(stored, password) {
        const equal = await verify(stored ?? dummy, password)
        return equal && stored !== undefined
      },
      isOutdated: (stored) => needsRehash(stored, parameters),
    }
  }

  static async create(options: HashingOptions): Promise<PasswordHasher> {
    const { memoryKib: memoryCost, passes: timeCost } = options
    const nobodys = randomBytes(32).toString('base64url')
    return new PasswordHasher(
      options,
      await hash(nobodys, { memoryCost, timeCost, parallelism: lanes, type: argon2id }),
    )
  }

  /**
   * Runs `work` when it is its turn. A guess is counted within the turn, so that no more guesses are under way than
   * turns are taken at once, and honest logins in parallel are not counted as failures of each other.
   * @throws Refusal `busy` where too many wait already
   */
  async inTurn<T>(work: (turn: HashingTurn) => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await work(this.#turn)
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#options.atOnce) {
      this.#running += 1
      return
    }
    if (this.#line.length >= this.#options.waiting) {
      throw new Refusal('busy', 'Too many passwords are being checked: try again in a moment.', { retryAfterS })
    }
    await new Promise<void>((resolve) => this.#line.push(resolve))
  }

  /** Whoever is next takes over the place. */
  #leave(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#running -= 1
    else next()
  }
}
