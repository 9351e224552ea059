/**
 * The refresh token of this tab: it survives a reload and is shared with no other tab, because it is good once, and using it
 * twice ends the session. A tab that is duplicated gets a copy of it: of the two only one may hold the lock that is
 * named beside it, and the other one begins without a session. (Without a secure context there are no such locks; then both
 * are signed out when the second one uses it.)
 */
interface Kept {
  refreshToken: string
  lock: string
}

const key = 'baywire.session'
/** The page that is being left gives up its lock within this time, when a page is loaded again. */
const handOverMs = 2000

export class KeptToken {
  #lock: string | undefined
  #release: (() => void) | undefined

  /** What the page that was here before left, if this tab is the one that it was left to. */
  async take(): Promise<string | undefined> {
    const kept = read()
    if (kept === undefined) return undefined
    if (await this.#hold(kept.lock)) return kept.refreshToken
    sessionStorage.removeItem(key)
    return undefined
  }

  async put(refreshToken: string): Promise<void> {
    if (this.#lock === undefined) await this.#hold(newName())
    sessionStorage.setItem(key, JSON.stringify({ refreshToken, lock: this.#lock ?? '' } satisfies Kept))
  }

  forget(): void {
    sessionStorage.removeItem(key)
    this.#release?.()
    this.#release = undefined
    this.#lock = undefined
  }

  async #hold(name: string): Promise<boolean> {
    // Not there where the page came over plain HTTP from another machine.
    const locks = navigator.locks as LockManager | undefined
    const held = locks === undefined || (await this.#lockBy(locks, name))
    if (held) this.#lock = name
    return held
  }

  #lockBy(locks: LockManager, name: string): Promise<boolean> {
    return new Promise((resolve) => {
      const holding = new Promise<void>((release) => (this.#release = release))
      locks
        .request(`baywire session ${name}`, { signal: AbortSignal.timeout(handOverMs) }, () => {
          resolve(true)
          return holding
        })
        .catch(() => resolve(false))
    })
  }
}

function newName(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('')
}

function read(): Kept | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? '') as Partial<Kept>
    const { refreshToken, lock } = kept
    return typeof refreshToken === 'string' && typeof lock === 'string' ? { refreshToken, lock } : undefined
  } catch {
    return undefined
  }
}
