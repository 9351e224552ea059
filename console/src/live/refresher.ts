/** Reads anew when told to: at once, and then no more often than every `leastMs`, however often it is told. */
export class Refresher {
  readonly #leastMs: number
  readonly #refresh: () => void
  #last = -Infinity
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor({ leastMs, refresh }: { leastMs: number; refresh: () => void }) {
    this.#leastMs = leastMs
    this.#refresh = refresh
  }

  tell(): void {
    if (this.#timer !== undefined) return
    const waitMs = this.#last + this.#leastMs - Date.now()
    if (waitMs <= 0) this.#act()
    else this.#timer = setTimeout(() => this.#act(), waitMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #act(): void {
    this.#timer = undefined
    this.#last = Date.now()
    this.#refresh()
  }
}
