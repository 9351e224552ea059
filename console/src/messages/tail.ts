/** What is shown of readings as they are logged: the newest so many of them, and where some are left out. */
export const mostRows = 300

export type TailRow<R> =
  | { kind: 'reading'; key: string; reading: R }
  /** So many came there that were too many to be sent. */
  | { kind: 'gap'; key: string; count: number }

interface Identified {
  id: string
  part: number
}

export function keyOfReading({ id, part }: Identified): string {
  return `${id}.${part}`
}

export class Tail<R extends Identified> {
  readonly #most: number
  /** The newest first. */
  #rows: TailRow<R>[] = []
  #gaps = 0
  #arrived = 0
  #skipped = 0

  constructor({ most = mostRows }: { most?: number } = {}) {
    this.#most = most
  }

  get rows(): readonly TailRow<R>[] {
    return this.#rows
  }

  /** Since it was begun, those that were skipped among them. */
  get arrived(): number {
    return this.#arrived
  }

  /** Of those that arrived, also where their place is not shown any more. */
  get skipped(): number {
    return this.#skipped
  }

  push(reading: R): void {
    this.#arrived += 1
    this.#put({ kind: 'reading', key: keyOfReading(reading), reading })
  }

  /** So many came before the next one and were not sent. */
  skip(count: number): void {
    this.#arrived += count
    this.#skipped += count
    const [newest] = this.#rows
    if (newest?.kind === 'gap') this.#rows = [{ ...newest, count: newest.count + count }, ...this.#rows.slice(1)]
    else this.#put({ kind: 'gap', key: `gap ${this.#gaps++}`, count })
  }

  /** What was logged before, the newest first: behind what has come meanwhile, of which some may be among it. */
  begin(recent: readonly R[]): void {
    const known = new Set(this.#rows.map(({ key }) => key))
    const older = recent
      .map((reading) => ({ kind: 'reading' as const, key: keyOfReading(reading), reading }))
      .filter(({ key }) => !known.has(key))
    this.#rows = [...this.#rows, ...older].slice(0, this.#most)
  }

  clear(): void {
    this.#rows = []
  }

  #put(row: TailRow<R>): void {
    this.#rows = [row, ...this.#rows.slice(0, this.#most - 1)]
  }
}
