import { z } from '@hono/zod-openapi'
import { decodeCursor, toPage, type ListName, type Page } from './cursor.ts'
import { ApiError } from './errors.ts'

/** The cursors of lists that are ordered by id. */

/** @throws ApiError `invalid_input` for one that is not of this list */
export function afterId(list: ListName, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const id = decodeCursor(list, cursor)
  if (z.uuid().safeParse(id).success) return id
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}

/** @param rows one more than `limit` where there are more */
export function toPageById<Row extends { id: string }, Item>(
  rows: readonly Row[],
  { list, limit, item }: { list: ListName; limit: number; item: (row: Row) => Item },
): Page<Item> {
  const coded = rows.map((row) => ({ code: row.id, row }))
  return toPage(coded, { list, limit, item: ({ row }) => item(row) })
}
