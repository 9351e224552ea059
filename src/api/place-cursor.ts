import { codePattern } from '../ids.ts'
import type { Found } from '../live/search.ts'
import type { Page } from './cursor.ts'
import { ApiError } from './errors.ts'

/**
 * Pages of what was found in memory. A cursor names the last place of the page before by its codes, with its distance
 * where the nearest come first: what has changed meanwhile moves no other place over the end of a page.
 */
export interface Paging<Item extends Found<unknown>> {
  /** Which list it is: a cursor of another one is refused, and so is one of another order. */
  list: string
  near: boolean
  limit: number
  cursor: string | undefined
  codesOf: (found: Item) => string[]
}

export function pageOfFound<Item extends Found<unknown>>(
  found: readonly Item[],
  { list: name, near, limit, cursor, codesOf }: Paging<Item>,
): Page<Item> {
  const list = near ? `${name}-near` : name
  const keyOf = (item: Item): Key => [...(near ? [Math.round(item.distanceM ?? 0)] : []), ...codesOf(item)]
  const after = cursor === undefined ? undefined : decodeKey(cursor, { list, near })
  const rest = after === undefined ? found : found.slice(firstAfter(found, (item) => compare(keyOf(item), after) > 0))
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rest.length > limit && last !== undefined ? encodeKey(list, keyOf(last)) : null }
}

type Key = (string | number)[]

function encodeKey(list: string, key: Key): string {
  return Buffer.from(`${list}:${key.join('/')}`).toString('base64url')
}

function decodeKey(cursor: string, { list, near }: { list: string; near: boolean }): Key {
  const parts = Buffer.from(cursor, 'base64url')
    .toString()
    .slice(list.length + 1)
    .split('/')
  const key = parts.map((part, at) => (near && at === 0 ? Number(part) : part))
  // Decoding forgives much, so the way back decides.
  if (parts.every((part) => codePattern.test(part)) && encodeKey(list, key) === cursor) return key
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}

/** By halves: what was found is in this order. */
function firstAfter<Item>(found: readonly Item[], isAfter: (item: Item) => boolean): number {
  let [low, high] = [0, found.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isAfter(found[middle] as Item)) high = middle
    else low = middle + 1
  }
  return low
}

function compare(a: Key, b: Key): number {
  for (const [at, one] of a.entries()) {
    const other = b[at]
    if (other === undefined) return 1
    if (one !== other) return one < other ? -1 : 1
  }
  return a.length - b.length
}
