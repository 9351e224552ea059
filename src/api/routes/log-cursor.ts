import type { LogKey } from '../../store/log-windows.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { ApiError } from '../errors.ts'

/** The cursors of lists of what arrived, the newest first. */
export function logCursor(list: string, { receivedAt, id, part }: LogKey): string {
  return encodeCursor(list, `${receivedAt}.${id}.${part}`)
}

/** @throws ApiError `invalid_input` for one that is not of this list */
export function logKey(list: string, cursor: string): LogKey {
  const match = /^(\d{1,14})\.([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.(\d{1,6})$/.exec(decodeCursor(list, cursor))
  const [, receivedAt, id, part] = match ?? []
  if (id !== undefined) return { receivedAt: Number(receivedAt), id, part: Number(part) }
  throw new ApiError('invalid_input', 'Wrong query parameters: see errors.', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list: take it from next, unchanged' }],
  })
}
