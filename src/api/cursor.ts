import { codePattern } from '../ids.ts'
import { ApiError } from './errors.ts'

/**
 * Cursors of lists that are ordered by code or id: the one behind which the next page begins, and the list that it
 * is of. Opaque outside; only what we made ourselves is taken back.
 */
export type ListName = string

export function encodeCursor(list: ListName, code: string): string {
  return Buffer.from(`${list}:${code}`).toString('base64url')
}

export function decodeCursor(list: ListName, cursor: string): string {
  const [name, code = ''] = Buffer.from(cursor, 'base64url').toString().split(':', 2)
  // Decoding forgives much, so the way back decides.
  if (name !== list || !codePattern.test(code) || encodeCursor(list, code) !== cursor) {
    throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
      errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
    })
  }
  return code
}

export interface Page<Item> {
  items: Item[]
  next: string | null
}

/** @param rows one more than `limit` where there are more: it tells that there is a next page */
export function toPage<Row extends { code: string }, Item>(
  rows: readonly Row[],
  { list, limit, item }: { list: ListName; limit: number; item: (row: Row) => Item },
): Page<Item> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(item),
    next: rows.length > limit && last !== undefined ? encodeCursor(list, last.code) : null,
  }
}
