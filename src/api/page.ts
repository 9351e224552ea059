import { decodeCursor, type ListName } from './cursor.ts'

/** What the store is asked for: one row more than is shown tells whether there is a next page. */
export function pageOf(list: ListName, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  return { after: cursor === undefined ? undefined : decodeCursor(list, cursor), limit: limit + 1 }
}
