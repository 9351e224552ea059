/**
 * The inputs of many spaces, each space's in the order in which they were stepped, out of a file that has them in the order
 * of arrival. The two differ little: only what comes behind a later input is remembered. To be told of all inputs
 * first, then of all of them again.
 */
export class InputOrder<Item> {
  readonly #spaces = new Map<string, Space<Item>>()

  note(path: string, inputSeq: number): void {
    const space = this.#spaces.get(path)
    if (space === undefined) {
      this.#spaces.set(path, { highest: inputSeq, belated: new Set(), held: [] })
      return
    }
    if (inputSeq < space.highest) space.belated.add(inputSeq)
    else space.highest = inputSeq
  }

  /** What may be stepped now that this one is here, in order. */
  take(path: string, inputSeq: number, item: Item): Item[] {
    const space = this.#spaces.get(path)
    if (space === undefined) return [item]
    space.belated.delete(inputSeq)
    if (space.held.length === 0 && space.belated.size === 0) return [item]
    const at = space.held.findIndex((other) => other.inputSeq > inputSeq)
    space.held.splice(at === -1 ? space.held.length : at, 0, { inputSeq, item })
    const first = Math.min(...space.belated, Infinity)
    const ready = space.held.findIndex((other) => other.inputSeq > first)
    return space.held.splice(0, ready === -1 ? space.held.length : ready).map((held) => held.item)
  }
}

interface Space<Item> {
  highest: number
  readonly belated: Set<number>
  readonly held: { inputSeq: number; item: Item }[]
}
