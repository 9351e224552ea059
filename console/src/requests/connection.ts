import { signal, type ReadonlySignal } from '@preact/signals'

/**
 * Whether the API answers. When it does not, it is asked again and again, with growing waits, whether it is ready; when it
 * is, whoever shows something reads it anew (`recoveries`).
 */
export class Connection {
  readonly #lostSince = signal<Date>()
  readonly #lastAnswer = signal(new Date())
  readonly #recoveries = signal(0)
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Undefined while it answers. */
  get lostSince(): ReadonlySignal<Date | undefined> {
    return this.#lostSince
  }

  /** What is shown is at least as of then. */
  get lastAnswer(): ReadonlySignal<Date> {
    return this.#lastAnswer
  }

  get recoveries(): ReadonlySignal<number> {
    return this.#recoveries
  }

  answered(): void {
    if (this.#lostSince.peek() === undefined) this.#lastAnswer.value = new Date()
  }

  lost(): void {
    if (this.#lostSince.peek() !== undefined) return
    this.#lostSince.value = new Date()
    this.#tryAgain(firstWaitMs)
  }

  /** At once, because somebody said so. */
  tryNow(): void {
    if (this.#lostSince.peek() === undefined) return
    clearTimeout(this.#timer)
    void this.#ask(firstWaitMs)
  }

  #tryAgain(waitMs: number): void {
    this.#timer = setTimeout(() => void this.#ask(waitMs), waitMs)
  }

  async #ask(waitMs: number): Promise<void> {
    if (!(await isReady())) return this.#tryAgain(Math.min(waitMs * 2, longestWaitMs))
    this.#lostSince.value = undefined
    this.#lastAnswer.value = new Date()
    this.#recoveries.value += 1
  }
}

const firstWaitMs = 1000
const longestWaitMs = 30_000
const answerMs = 10_000

/** What is read comes out of the database; other parts may be in trouble meanwhile. */
async function isReady(): Promise<boolean> {
  try {
    const response = await fetch('/ready', { signal: AbortSignal.timeout(answerMs), cache: 'no-store' })
    const body = (await response.json()) as { ready?: boolean; parts?: { postgres?: { ok?: boolean } } }
    return body.ready === true || body.parts?.postgres?.ok === true
  } catch {
    return false
  }
}
