/** Numbers in [0, 1) that a seed repeats (mulberry32). */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

export function wholeBetween(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from))
}

/** So many moments on the way to `of`, one at random in each equal part of it, in order, and none of them its end. */
export function moments(random: Random, { times, of }: { times: number; of: number }): number[] {
  const part = of / (times + 1)
  return Array.from({ length: times }, (_, index) => Math.floor((index + 0.2 + random() * 0.8) * part) + 1)
}
