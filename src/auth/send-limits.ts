import { createHmac } from 'node:crypto'
import { countMessage, type SendWindow } from '../store/send-limits.ts'
import type { AccountTransaction } from '../store/transactions.ts'

/** How often one destination is written to, whatever for and through whichever route. */
export interface SendLimitOptions {
  /** For the rows, which hold no address. */
  key: Buffer
  perMinute: number
  perHour: number
  perDay: number
}

export class SendLimits {
  readonly #key: Buffer
  readonly #windows: readonly SendWindow[]

  /** 0 is no limit. */
  constructor({ key, perMinute, perHour, perDay }: SendLimitOptions) {
    this.#key = key
    this.#windows = [
      { most: perMinute, seconds: 60 },
      { most: perHour, seconds: 3600 },
      { most: perDay, seconds: 86_400 },
    ].filter(({ most }) => most > 0)
  }

  /** Counts a message to this address, or says that it is too much. */
  async allow(tx: AccountTransaction, address: string): Promise<boolean> {
    if (this.#windows.length === 0) return true
    const destination = createHmac('sha256', this.#key).update(address).digest('base64url')
    return await countMessage(tx, { destination, windows: this.#windows })
  }
}
