import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { newId } from '../ids.ts'

/**
 * Marks a device on which somebody has logged in, so that whoever guesses at their password from elsewhere does not lock
 * them out of it: it has a count of its own. It lets nobody in. Signed, for one person, and good for some months.
 */
export interface KnownDevice {
  deviceId: string
}

const ticket = z.tuple([z.uuid(), z.uuid(), z.coerce.number<string>().int().positive(), z.string().length(43)])

export class DeviceCookies {
  readonly #key: Buffer
  readonly #lifeMs: number

  constructor({ key, days }: { key: Buffer; days: number }) {
    this.#key = key
    this.#lifeMs = days * 86_400_000
  }

  get lifeS(): number {
    return this.#lifeMs / 1000
  }

  /** @param known the device's own id, which it keeps */
  issue(userId: string, { now, known }: { now: number; known?: KnownDevice | undefined }): string {
    const head = [userId, known?.deviceId ?? newId(), String(now + this.#lifeMs)]
    return [...head, this.#signature(head)].join('.')
  }

  /** Undefined where it is not ours, not this person's, or too old. */
  read(cookie: string | undefined, { userId, now }: { userId: string; now: number }): KnownDevice | undefined {
    const parsed = ticket.safeParse(cookie?.split('.'))
    if (!parsed.success) return undefined
    const [owner, deviceId, expires, signature] = parsed.data
    const expected = Buffer.from(this.#signature([owner, deviceId, String(expires)]))
    const given = Buffer.from(signature)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    return owner === userId && now < expires ? { deviceId } : undefined
  }

  #signature(head: readonly string[]): string {
    return createHmac('sha256', this.#key).update(head.join('.')).digest('base64url')
  }
}
