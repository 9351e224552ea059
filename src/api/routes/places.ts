import type { Context } from 'hono'
import type { ApiEnv } from '../context.ts'
import { decodeCursor, encodeCursor, type Page } from '../cursor.ts'
import { ApiError } from '../errors.ts'
import { etagOf } from '../revision.ts'

/** A list of places is ordered by code within one site, where codes are unique, else by id. */
export type Sort = 'code' | 'id'

export function sortOf({ sort, siteId }: { sort: Sort | undefined; siteId: string | undefined }): Sort {
  if (sort === 'code' && siteId === undefined) {
    throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
      errors: [{ path: 'sort', message: 'by code only with site_id: codes are unique within a site' }],
    })
  }
  return sort ?? (siteId === undefined ? 'id' : 'code')
}

/** Where a page begins: one row more than is shown tells whether there is another. */
export function pageOf(list: string, { limit, cursor }: { limit: number; cursor: string | undefined }) {
  return { after: cursor === undefined ? undefined : decodeCursor(list, cursor), limit: limit + 1 }
}

/** A page whose cursor is made of any of its rows' fields. */
export function pageBy<Row, Item>(
  rows: readonly Row[],
  { list, limit, key, item }: { list: string; limit: number; key: (row: Row) => string; item: (row: Row) => Item },
): Page<Item> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(item),
    next: rows.length > limit && last !== undefined ? encodeCursor(list, key(last)) : null,
  }
}

export function setEtag(c: Context<ApiEnv>, row: { revision: number }): void {
  c.header('ETag', etagOf(row))
}

export function setCreated(c: Context<ApiEnv>, { path, row }: { path: string; row: { id: string; revision: number } }) {
  setEtag(c, row)
  c.header('Location', `${path}/${row.id}`)
}

/** The fields that a change names, under their names in the store: undefined ones are not among them. */
export function given<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
